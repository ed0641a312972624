"""``refera simulate``: adds simulated days of business to the sample source, and prints what each of them changed."""

from typing import Annotated

import typer

from refera_platform.cli.output import print_message, progress_steps
from refera_platform.sandbox import stack
from refera_platform.sandbox.business.simulate import DayReport, simulate_each_day
from refera_platform.settings.stage import home_folder

EXAMPLES = ("refera simulate --days 1", "refera simulate --days 3 --seed 7 --scale 10")


def simulate(
    days: Annotated[int, typer.Option(min=0, help="Days of business to add.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Another seed is another business; only on a new sample.")] = None,
    scale: Annotated[float | None, typer.Option(help="1 is about 330 orders; 1000 about 3 million lines.")] = None,
) -> None:
    """Start the stack and simulate the days."""
    stack.start_stack(home_folder(), print_message)
    with progress_steps(None, f"Simulating {days} days of business") as progress:
        for report in simulate_each_day(
            home_folder(),
            days=days,
            seed=seed,
            scale=scale,
            on_progress=lambda what, done, of: progress.update(done, of, what),
        ):
            progress.advance(describe_day(report))
    print_message("Next: refera run")


def describe_day(report: DayReport) -> str:
    """One line about a simulated day."""
    inserted = sum(change.inserted for change in report.changes.values())
    updated = sum(change.updated for change in report.changes.values())
    deleted = sum(change.deleted for change in report.changes.values())
    return f"Business of {report.day}: {inserted} rows inserted, {updated} updated, {deleted} deleted"
