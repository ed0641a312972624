"""``refera verify``: the comparisons as a table, and the first difference in words."""

from refera_platform.answers.verify import verify
from refera_platform.cli.output import output, say, steps, table
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES


def print_proof(stage: Stage) -> bool:
    """Compare everything, print it, and say whether all of it agrees."""
    found = []
    with steps(len(TABLES), "Comparing source, lake and warehouse") as progress:
        for comparison in verify(stage, started=lambda name: progress.done(name, keep=False)):
            found.append(comparison)
    rows = [
        [
            one.left,
            one.right,
            one.left_rows,
            one.right_rows,
            one.different,
            "agree" if one.agrees else "DIFFER",
        ]
        for one in found
    ]
    columns = ["left", "right", "rows left", "rows right", "different", "verdict"]
    output().print(table("Source, lake and warehouse", columns, rows))
    apart = [one for one in found if not one.agrees]
    for one in apart:
        say(f"First difference: {one.first}")
    if apart:
        say("Next: refera run brings lake and warehouse up to the source; a difference that stays is a defect.")
    return not apart
