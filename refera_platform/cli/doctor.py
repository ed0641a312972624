"""``refera doctor``: prints the findings of all preflight checks, and the GRANTs that an account needs.

Examines nothing itself: ``runners.examination`` does.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

import typer
from rich.text import Text

from refera_platform.cli.output import print_message, printable, require_table_or_json, results_console
from refera_platform.doctor.preflight import Diagnosis, Grants
from refera_platform.project.load import load_project
from refera_platform.runners.examination import diagnose_stage, iter_stage_findings
from refera_platform.settings.stage import Stage, load_stage
from refera_platform.source.doctor.finding import Finding, Verdict
from refera_platform.source.table import SourceTable

EXAMPLES = ("refera doctor", "refera doctor --format json | jq .findings")
VERDICT_STYLES: Mapping[Verdict, str] = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}


def doctor(
    form: Annotated[str, typer.Option("--format", help="table or json.")] = "table",
) -> None:
    """Run all checks and print their findings; exits with 1 when one of them failed."""
    stage = load_stage()
    require_table_or_json(form)
    tables = load_project(stage.project_folder).tables
    if form == "json":
        diagnosis = diagnose_stage(stage, tables)
        results_console().print_json(json.dumps(diagnosis_as_json(diagnosis)))
    else:
        diagnosis = print_diagnosis(stage, tables)
    if not diagnosis.is_healthy:
        raise typer.Exit(1)


def print_diagnosis(stage: Stage, tables: Sequence[SourceTable]) -> Diagnosis:
    """Run all checks and print each finding as soon as it is made."""
    results_console().print(f"Stage {stage.name}", markup=False)
    diagnosis = Diagnosis.from_findings(_print_findings(iter_stage_findings(stage, tables)))
    for database, grants in diagnosis.grants.items():
        results_console().print(f"\nAll that the account of {database} needs:", markup=False)
        results_console().print("\n".join(grants), markup=False, soft_wrap=True)
    counts = {verdict: sum(each.verdict is verdict for each in diagnosis.findings) for verdict in Verdict}
    print_message(", ".join(f"{count} {verdict.value}" for verdict, count in counts.items()))
    return diagnosis


def _print_findings(findings: Iterable[Finding | Grants]) -> Iterator[Finding | Grants]:
    """Print each finding and pass it on, so that findings appear before a slow server has answered."""
    for each in findings:
        if isinstance(each, Finding):
            results_console().print(_finding_line(each), soft_wrap=True)
        yield each


def _finding_line(finding: Finding) -> Text:
    label = finding.verdict.value if finding.verdict is Verdict.OK else finding.verdict.value.upper()
    line = Text.assemble((f"{label:<4}", VERDICT_STYLES[finding.verdict]), "  ", (finding.about, "bold"))
    line.append(f"  {printable(finding.found)}")
    if finding.remedy:
        line.append(f"\n      next step: {printable(finding.remedy)}")
    return line


def diagnosis_as_json(diagnosis: Diagnosis) -> dict[str, object]:
    """The diagnosis as JSON."""
    return {
        "well": diagnosis.is_healthy,
        "findings": [
            {"about": each.about, "verdict": each.verdict.value, "found": each.found, "remedy": each.remedy}
            for each in diagnosis.findings
        ],
        "grants": {database: list(grants) for database, grants in diagnosis.grants.items()},
    }
