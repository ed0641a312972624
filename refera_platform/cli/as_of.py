"""``refera as-of``: prints a source table as it was at the end of a captured day."""

from pathlib import Path
from typing import Annotated

import typer

from refera_platform.answers.session import open_query_session
from refera_platform.cli.query import require_known_format, write_result
from refera_platform.cli.run import requested_days
from refera_platform.project.load import load_project
from refera_platform.settings.stage import load_stage

EXAMPLES = ("refera as-of 2026-11-21 orders", "refera as-of 2026-11-21 customers --format csv")


def as_of(
    day: Annotated[str, typer.Argument(help="A captured day, like 2026-11-21.")],
    table: Annotated[str, typer.Argument(help="A source table: orders, or classicmodels.orders.")],
    form: Annotated[str, typer.Option("--format", help="table, csv, tsv, json or parquet.")] = "table",
    into: Annotated[Path | None, typer.Option("--output", help="File to write; standard output by default.")] = None,
) -> None:
    """Print the rows of that day.

    Raises:
        QueryError: for an unobserved day.
    """
    stage = load_stage()
    project = load_project(stage.project_folder)
    source_table = project.find_table(table)
    (requested_day,) = requested_days(stage.clock, day, "", "")
    require_known_format(form)
    with open_query_session(stage, project) as session:
        write_result(session, session.rows_as_of(source_table, requested_day), form, into)
