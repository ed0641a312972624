"""``refera simulate`` and ``refera demo``: a business to look at, and the whole way from it to the answers."""

import time
from datetime import datetime, timedelta
from pathlib import Path

from refera_platform.cli.output import output, say, steps, table
from refera_platform.cli.query import answers
from refera_platform.cli.run import run_days
from refera_platform.clock import Clock
from refera_platform.sandbox import stack
from refera_platform.sandbox.business import simulate as business
from refera_platform.sandbox.business.simulate import DayReport
from refera_platform.sandbox.dump.restore import RestoreReport, restore
from refera_platform.settings.stage import load

NEXT = """
What to try next
  make ui                                              the same in Dagster: lineage, Materialize, schedule
  .venv/bin/refera report --open                       the answers as charts, on one page
  .venv/bin/refera query "from ans_sales_by_product"   ask anything, in SQL
  .venv/bin/refera verify                              source, lake and warehouse, value by value
  .venv/bin/refera simulate --days 1                   let the business go on for a day, then …
  .venv/bin/refera run                                 … bring the day into lake and warehouse
  .venv/bin/refera down                                stop the servers; data stays
"""


def simulate_days(home: Path, days: int, seed: int | None, scale: float | None) -> None:
    """Add days of business and show what each of them changed."""
    with steps(None, f"Simulating {days} days of business") as progress:
        for report in business.each_day(
            home,
            days=days,
            seed=seed,
            scale=scale,
            progress=lambda what, done, of: progress.at(done, of, what),
        ):
            progress.done(told(report))


def told(report: DayReport) -> str:
    """One line about a simulated day."""
    inserted = sum(change.inserted for change in report.changes.values())
    updated = sum(change.updated for change in report.changes.values())
    deleted = sum(change.deleted for change in report.changes.values())
    return f"Business of {report.day}: {inserted} rows inserted, {updated} updated, {deleted} deleted"


def show_restored(report: RestoreReport) -> None:
    """Print what a dump brought, and a line about each thing of it that stayed behind."""
    output().print(table(f"Restored from {report.dump.name}", ["table", "rows"], sorted(report.tables.items())))
    for note in report.notes:
        say(f"Note: {note}.")


def demonstrate(home: Path, dump: Path | None, days: int, seed: int, scale: float) -> None:
    """Start afresh, bring days of business (or a dump) to the answers, and print them."""
    started = time.monotonic()
    if (home / "stack.json").exists():
        say(f"The demo starts afresh: forgetting the local data in {home}")
        stack.down(home, wipe=True)
    with steps(None, "Starting a private MariaDB and a private S3") as progress:
        stack.up(home, progress.done)
    if dump is not None:
        with steps(None, f"Restoring {dump.name}") as progress:
            report = restore(home, dump, lambda done, total: progress.at(done, total, f"Reading {dump.name}"))
        show_restored(report)
        stage = load()
        run_days(stage, [stage.clock.newest_full_day()], brief=True)
    else:
        say(f"Making a sample business of scale {scale:g} with seed {seed}")
        for simulated in business.each_day(home, days=days, seed=seed, scale=scale):
            say(told(simulated))
            evening = datetime.combine(simulated.day + timedelta(days=1), datetime.min.time(), Clock().now().tzinfo)
            stage = load().at(evening - timedelta(seconds=1))
            run_days(stage, [simulated.day], brief=True)
    answers(load())
    say(f"\nThe demo took {time.monotonic() - started:.1f} s.")
    say(NEXT)
