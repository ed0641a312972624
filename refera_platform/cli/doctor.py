"""``refera doctor``: each precondition and its remedy, and the statements that grant an account just what it needs."""

import json
from collections.abc import Iterable, Iterator, Mapping

from rich.text import Text

from refera_platform.cli.output import output, printable, say
from refera_platform.doctor.preflight import Diagnosis, Grants
from refera_platform.errors import SettingError
from refera_platform.runners.examination import diagnosed, diagnosis_of
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.source.doctor.finding import Finding, Verdict

STYLES: Mapping[Verdict, str] = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def print_diagnosis(stage: Stage, form: str) -> bool:
    """Examine everything, print each finding as soon as it is made, and say whether nothing failed.

    Raises:
        SettingError: for a format that is not known.
    """
    if form not in {"table", "json"}:
        raise SettingError(f"--format {form!r} is not known:", "choose table or json.")
    if form == "json":
        found = diagnosis_of(stage, TABLES)
        output().print_json(json.dumps(as_json(found)))
        return found.is_well
    output().print(f"Stage {stage.name}", markup=False)
    found = Diagnosis.of(_printed(diagnosed(stage, TABLES)))
    for database, statements in found.grants.items():
        output().print(f"\nAll that the account of {database} needs:", markup=False)
        output().print("\n".join(statements), markup=False, soft_wrap=True)
    counts = {verdict: sum(each.verdict is verdict for each in found.findings) for verdict in Verdict}
    say(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items()))
    return found.is_well


def _printed(found: Iterable[Finding | Grants]) -> Iterator[Finding | Grants]:
    """The same, each finding printed as it comes; a server that does not answer keeps none of them back."""
    for each in found:
        if isinstance(each, Finding):
            output().print(_line(each), soft_wrap=True)
        yield each


def _line(finding: Finding) -> Text:
    word = finding.verdict.value if finding.verdict is Verdict.OK else finding.verdict.value.upper()
    line = Text.assemble((f"{word:<4}", STYLES[finding.verdict]), "  ", (finding.about, "bold"))
    line.append(f"  {printable(finding.found)}")
    if finding.remedy:
        line.append(f"\n      next step: {printable(finding.remedy)}")
    return line


def as_json(found: Diagnosis) -> dict[str, object]:
    """The same for programs."""
    return {
        "well": found.is_well,
        "findings": [
            {"about": each.about, "verdict": each.verdict.value, "found": each.found, "remedy": each.remedy}
            for each in found.findings
        ],
        "grants": {database: list(statements) for database, statements in found.grants.items()},
    }
