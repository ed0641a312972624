"""A source table as it was at the end of any captured day, rebuilt from the lake's changes.

Lake ──▶ days up to the one asked for ──▶ as_of(): SQL of the rows that were there then
"""

from datetime import date

import duckdb

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import QueryError
from refera_platform.lake.lake import Lake, current_state
from refera_platform.lake.missing_days import unknown_time
from refera_platform.source.table import SourceTable


def as_of(lake: Lake, connection: duckdb.DuckDBPyConnection, table: SourceTable, day: date) -> str:
    """SQL of the table's rows at the end of ``day``, in the order of the key, with the source's columns.

    Raises:
        QueryError: for a day that nobody looked at, or that is not known exactly, with the days that are.
    """
    days = lake.days(table, connection)
    seen = [one for one, item in days.items() if item.state.is_observed]
    if not seen:
        raise QueryError(f"{table.address} was never captured:", "start with `refera run`.")
    if day < seen[0] or day > max(days):
        raise QueryError(
            f"{table.address} is known from {seen[0]} to {max(days)}, and not on {day}:",
            "ask for a day in between.",
        )
    read_anew = next((days[one].state for one in seen if one > day), None)
    is_over = day in seen and days[day].state.is_closed
    if read_anew and read_anew.unknown_since and not is_over:
        reached = [one for one in seen if one < day and days[one].state.is_closed]
        others = " or ".join(str(one) for one in (*reached[-1:], read_anew.day))
        raise QueryError(
            f"{table.address} is not known between {unknown_time(read_anew)}, and so not at the end of {day}: the log"
            " of then was gone or could not be read;",
            f"ask for {others}.",
        )
    if day not in seen:
        earlier = max(one for one in seen if one < day)
        later = min((one for one in seen if one > day), default=earlier)
        raise QueryError(
            f"Nobody looked at {table.address} on {day}:",
            f"the days around it that were captured are {earlier} and {later}.",
        )
    if not days[day].state.is_settled:
        settled = [one for one in seen if one > day and days[one].state.is_settled]
        raise QueryError(
            f"The log of {table.address} does not tell all that happened on {day} (it was altered, or rows went with"
            " those they refer to):",
            f"its state was settled on {settled[0]}; ask for that day."
            if settled
            else "the next `refera run` that reaches the present settles it.",
        )
    there = current_state(table, {one: item for one, item in days.items() if one <= day}, days[day].state.columns)
    columns = ", ".join(quoted(name) for name in days[day].state.columns)
    key = ", ".join(quoted(name) for name in table.key)
    return f"select {columns} from {there} order by {key}"
