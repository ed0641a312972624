"""``refera doctor``: each precondition and its remedy, and the statements that grant an account just what it needs."""

import json

from refera_platform.errors import SettingError
from refera_platform.lake.doctor import Diagnosis
from refera_platform.remote.elsewhere import diagnosis_of
from refera_platform.source.catalog import TABLES
from refera_platform.source.doctor.finding import Verdict
from refera_platform.stage import Stage
from refera_platform.terminal.show import output, say, table


def print_diagnosis(stage: Stage, form: str) -> bool:
    """Examine everything, print it, and say whether nothing failed.

    Raises:
        SettingError: for a format that is not known.
    """
    if form not in {"table", "json"}:
        raise SettingError(f"--format {form!r} is not known:", "choose table or json.")
    found = diagnosis_of(stage, TABLES)
    if form == "json":
        output().print_json(json.dumps(as_json(found)))
        return found.is_well
    rows = [
        [each.about, each.verdict.value if each.verdict is Verdict.OK else each.verdict.value.upper(), each.found,
         each.remedy]
        for each in found.findings
    ]  # fmt: skip
    output().print(table(f"Stage {stage.name}", ["what", "verdict", "found", "next step"], rows))
    for database, statements in found.grants.items():
        output().print(f"\nAll that the account of {database} needs:", markup=False)
        output().print("\n".join(statements), markup=False, soft_wrap=True)
    counts = {verdict: sum(each.verdict is verdict for each in found.findings) for verdict in Verdict}
    say(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items()))
    return found.is_well


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
