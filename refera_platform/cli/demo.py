"""``refera demo``: the whole way from an empty source to the printed answers, on the local stack.

Everything in it is the work of other commands: ``up``, ``simulate`` or ``restore``, and ``run``.
"""

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from refera_platform.answers.session import fetch_rows, open_query_session
from refera_platform.cli.output import print_message, progress_steps, results_console, results_table
from refera_platform.cli.restore import print_restored
from refera_platform.cli.run import run_days
from refera_platform.cli.simulate import describe_day
from refera_platform.clock import Clock
from refera_platform.duckdb_session.quoting import quoted
from refera_platform.orchestration.run_request import DailyRunRequest
from refera_platform.project.load import load_project
from refera_platform.project.model import Project
from refera_platform.sandbox import stack
from refera_platform.sandbox.business.sample_state import SampleSettings, prepare_sample
from refera_platform.sandbox.business.simulate import simulate_days
from refera_platform.sandbox.dump.restore import restore_dump
from refera_platform.settings.stage import Stage, home_folder, load_stage, project_folder

EXAMPLES = ("refera demo", "refera demo --dump backup.sql")
ANSWER_ROWS_SHOWN = 8
"""Rows that are printed of each answer."""
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


def demo(
    dump: Annotated[Path | None, typer.Option(help="A mysqldump file instead of the sample.")] = None,
    days: Annotated[int, typer.Option(min=1, help="Simulated days.")] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 1,
    scale: Annotated[float, typer.Option(help="Size of the sample.")] = 1.0,
) -> None:
    """Wipe local data, simulate days (or restore a dump), run them to the answers and print those."""
    started, home, project = time.monotonic(), home_folder(), load_project(project_folder())
    if (home / "stack.json").exists():
        print_message(f"The demo starts from the beginning: deleting the local data in {home}")
        stack.stop_stack(home, wipe=True)
    with progress_steps(None, "Starting a private MariaDB and a private S3") as progress:
        stack.start_stack(home, progress.advance)
    if dump is not None:
        with progress_steps(None, f"Restoring {dump.name}") as progress:
            report = restore_dump(home, dump, lambda done, total: progress.update(done, total, f"Reading {dump.name}"))
        print_restored(report)
        stage = load_stage()
        run_days(stage, project, DailyRunRequest(days=(stage.clock.newest_full_day(),)), is_brief=True)
    else:
        settings = SampleSettings(days=days, seed=seed, scale=scale)
        with progress_steps(None, f"Making a sample business of scale {scale:g} with seed {seed}") as progress:
            for step in prepare_sample(home, settings):
                progress.update(step.done, step.total, step.table)
        for simulated in simulate_days(home, days):
            print_message(describe_day(simulated))
            evening = datetime.combine(simulated.day + timedelta(days=1), datetime.min.time(), Clock().now().tzinfo)
            stage = load_stage().at_instant(evening - timedelta(seconds=1))
            run_days(stage, project, DailyRunRequest(days=(simulated.day,)), is_brief=True)
    _print_answers(load_stage(), project)
    print_message(f"\nThe demo took {time.monotonic() - started:.1f} s.")
    print_message(NEXT_STEPS)


def _print_answers(stage: Stage, project: Project) -> None:
    """Print the answers to all questions, a few rows each."""
    console = results_console()
    with open_query_session(stage, project) as session:
        for question in project.questions:
            console.print(f"\n[bold]{question.number}. {question.english}[/bold] [dim]· {question.portuguese}[/dim]")
            for answer in question.answers:
                order = f" order by {answer.order_by}" if answer.order_by else ""
                answer_sql = f"select * from {quoted(answer.model)}{order}"
                names, rows = fetch_rows(session.query(f"{answer_sql} limit {ANSWER_ROWS_SHOWN}"))
                total = session.published.models[answer.model].rows
                console.print(results_table(answer.model, names, rows, hidden_count=max(0, total - ANSWER_ROWS_SHOWN)))
