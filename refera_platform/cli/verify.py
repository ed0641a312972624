"""``refera verify``: prints the comparisons of source, lake and warehouse as a table, and the first difference."""

import typer

from refera_platform.answers.verify import verify_stage
from refera_platform.cli.output import print_message, progress_steps, results_console, results_table
from refera_platform.project.load import load_project
from refera_platform.settings.stage import load_stage

EXAMPLES = ("refera verify",)


def verify() -> None:
    """Run and print all comparisons; exits with 1 unless everything agrees."""
    stage, comparisons = load_stage(), []
    project = load_project(stage.project_folder)
    with progress_steps(len(project.tables), "Comparing source, lake and warehouse") as progress:
        for comparison in verify_stage(stage, project):
            comparisons.append(comparison)
            if comparison.table:
                progress.advance(comparison.table, is_kept=False)
    rows = [
        [
            one.left,
            one.right,
            one.left_rows,
            one.right_rows,
            one.different,
            "agree" if one.is_equal else "DIFFER",
        ]
        for one in comparisons
    ]
    columns = ["left", "right", "rows left", "rows right", "different", "verdict"]
    results_console().print(results_table("Source, lake and warehouse", columns, rows))
    differing = [one for one in comparisons if not one.is_equal]
    for one in differing:
        print_message(f"First difference: {one.first_difference}")
    if differing:
        print_message(
            "Next: refera run brings lake and warehouse up to the source; a difference that stays is a defect."
        )
        raise typer.Exit(1)
