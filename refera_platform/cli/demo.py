"""``refera simulate`` and ``refera demo``: simulated business days, and the whole way from source to answers."""

import time
from datetime import datetime, timedelta
from pathlib import Path

from refera_platform.cli.output import print_message, progress_steps, results_console, results_table
from refera_platform.cli.query import print_answers
from refera_platform.cli.run import run_days
from refera_platform.clock import Clock
from refera_platform.sandbox import stack
from refera_platform.sandbox.business import simulate as business
from refera_platform.sandbox.business.simulate import DayReport
from refera_platform.sandbox.dump.restore import RestoreReport, restore_dump
from refera_platform.settings.stage import load_stage

NEXT_STEPS = """
What to try next
  make ui                                              the same in Dagster: lineage, Materialize, schedule
  .venv/bin/refera report --open                       the answers as charts, on one page
  .venv/bin/refera query "from ans_sales_by_product"   ask anything, in SQL
  .venv/bin/refera verify                              source, lake and warehouse, value by value
  .venv/bin/refera simulate --days 1                   let the business go on for a day, then …
  .venv/bin/refera run                                 … bring the day into lake and warehouse
  .venv/bin/refera down                                stop the servers; data stays
"""


def print_simulated_days(home: Path, days: int, seed: int | None, scale: float | None) -> None:
    """Simulate days of business and print what each of them changed."""
    with progress_steps(None, f"Simulating {days} days of business") as progress:
        for report in business.simulate_each_day(
            home,
            days=days,
            seed=seed,
            scale=scale,
            on_progress=lambda what, done, of: progress.update(done, of, what),
        ):
            progress.advance(describe_day(report))


def describe_day(report: DayReport) -> str:
    """One line about a simulated day."""
    inserted = sum(change.inserted for change in report.changes.values())
    updated = sum(change.updated for change in report.changes.values())
    deleted = sum(change.deleted for change in report.changes.values())
    return f"Business of {report.day}: {inserted} rows inserted, {updated} updated, {deleted} deleted"


def show_restored(report: RestoreReport) -> None:
    """Print what was restored from a dump, and a line about everything that was not."""
    results_console().print(
        results_table(f"Restored from {report.dump.name}", ["table", "rows"], sorted(report.tables.items()))
    )
    for remark in report.notes:
        print_message(f"Note: {remark}.")


def run_demo(home: Path, dump: Path | None, days: int, seed: int, scale: float) -> None:
    """Wipe local data, simulate days (or restore a dump), run them to the answers and print those."""
    started = time.monotonic()
    if (home / "stack.json").exists():
        print_message(f"The demo starts from the beginning: deleting the local data in {home}")
        stack.stop_stack(home, wipe=True)
    with progress_steps(None, "Starting a private MariaDB and a private S3") as progress:
        stack.start_stack(home, progress.advance)
    if dump is not None:
        with progress_steps(None, f"Restoring {dump.name}") as progress:
            report = restore_dump(home, dump, lambda done, total: progress.update(done, total, f"Reading {dump.name}"))
        show_restored(report)
        stage = load_stage()
        run_days(stage, [stage.clock.newest_full_day()], is_brief=True)
    else:
        print_message(f"Making a sample business of scale {scale:g} with seed {seed}")
        for simulated in business.simulate_each_day(home, days=days, seed=seed, scale=scale):
            print_message(describe_day(simulated))
            evening = datetime.combine(simulated.day + timedelta(days=1), datetime.min.time(), Clock().now().tzinfo)
            stage = load_stage().at_instant(evening - timedelta(seconds=1))
            run_days(stage, [simulated.day], is_brief=True)
    print_answers(load_stage())
    print_message(f"\nThe demo took {time.monotonic() - started:.1f} s.")
    print_message(NEXT_STEPS)
