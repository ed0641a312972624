"""``refera simulate``: adds simulated days of business to the sample source, and prints what each of them changed."""

from collections import Counter
from typing import Annotated

import typer

from refera_platform.cli.output import print_message, progress_steps
from refera_platform.sandbox import stack
from refera_platform.sandbox.business.sample_state import SampleSettings, prepare_sample
from refera_platform.sandbox.business.simulate import DayReport, simulate_days
from refera_platform.settings.stage import home_folder

EXAMPLES = ("refera simulate --days 1", "refera simulate --days 3 --seed 7 --scale 10")


def simulate(
    days: Annotated[int, typer.Option(min=0, help="Days of business to add.")] = 1,
    seed: Annotated[int | None, typer.Option(help="Another seed is another business; only on a new sample.")] = None,
    scale: Annotated[float | None, typer.Option(help="1 is about 330 orders; 1000 about 3 million lines.")] = None,
) -> None:
    """Start the stack and simulate the days."""
    home, settings = home_folder(), SampleSettings(days=days, seed=seed, scale=scale)
    stack.start_stack(home, print_message)
    with progress_steps(None, f"Simulating {days} days of business") as progress:
        for step in prepare_sample(home, settings):
            progress.update(step.done, step.total, step.table)
        for number, report in enumerate(simulate_days(home, days), start=1):
            progress.advance(describe_day(report))
            progress.update(number, days, f"{report.day}")
    print_message("Next: refera run")


def describe_day(report: DayReport) -> str:
    """One line about a simulated day."""
    rows = Counter[str]()
    for (_, kind), count in report.changes.items():
        rows[kind] += count
    changes = f"{rows['insert']} rows inserted, {rows['update']} updated, {rows['delete']} deleted"
    return f"Business of {report.day}: {changes}"
