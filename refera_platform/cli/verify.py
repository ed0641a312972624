"""``refera verify``: prints the comparisons of source, lake and warehouse as a table, and the first difference."""

from refera_platform.answers.verify import verify_stage
from refera_platform.cli.output import print_message, progress_steps, results_console, results_table
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES


def print_comparisons(stage: Stage) -> bool:
    """Run and print all comparisons; returns whether everything agrees."""
    comparisons = []
    with progress_steps(len(TABLES), "Comparing source, lake and warehouse") as progress:
        for comparison in verify_stage(stage, on_table_started=lambda name: progress.advance(name, is_kept=False)):
            comparisons.append(comparison)
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
    return not differing
