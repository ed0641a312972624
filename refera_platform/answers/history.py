"""Time travel: a source table as it was at the end of an ingested day, rebuilt from the lake's change rows.

Lake ──▶ days up to the requested one ──▶ rows_as_of(): SQL of the rows that existed then
"""

from datetime import date

import duckdb

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.errors import QueryError
from refera_platform.lake.lake import Lake, current_state
from refera_platform.lake.missing_days import unknown_period
from refera_platform.source.table import SourceTable


def rows_as_of(lake: Lake, connection: duckdb.DuckDBPyConnection, table: SourceTable, day: date) -> str:
    """SQL of the table's rows at the end of ``day``, in the order of the key, with the source's columns.

    Raises:
        QueryError: for a day that was not ingested, or is not known exactly; it names the nearest days that are.
    """
    days = lake.days(table, connection)
    observed_days = [one for one, item in days.items() if item.state.is_observed]
    if not observed_days:
        raise QueryError(f"{table.address} was never captured:", "start with `refera run`.")
    if day < observed_days[0] or day > max(days):
        raise QueryError(
            f"{table.address} is known from {observed_days[0]} to {max(days)}, and not on {day}:",
            "ask for a day in between.",
        )
    next_snapshot = next((days[one].state for one in observed_days if one > day), None)
    is_over = day in observed_days and days[day].state.is_closed
    if next_snapshot and next_snapshot.unknown_since and not is_over:
        closed_days = [one for one in observed_days if one < day and days[one].state.is_closed]
        alternatives = " or ".join(str(one) for one in (*closed_days[-1:], next_snapshot.day))
        raise QueryError(
            f"{table.address} is not known between {unknown_period(next_snapshot)}, and so not at the end of {day}:"
            " the binlog of that time was missing or could not be read;",
            f"ask for {alternatives}.",
        )
    if day not in observed_days:
        previous_observed = max(one for one in observed_days if one < day)
        next_observed = min((one for one in observed_days if one > day), default=previous_observed)
        raise QueryError(
            f"{table.address} was not read on {day}:",
            f"ask for a captured day; the nearest are {previous_observed} and {next_observed}.",
        )
    if not days[day].state.is_settled:
        settled_days = [one for one in observed_days if one > day and days[one].state.is_settled]
        raise QueryError(
            f"The binlog does not contain all changes of {table.address} on {day} (the table was altered, or rows were"
            " changed with their parent rows):",
            f"its state was settled on {settled_days[0]}; ask for that day."
            if settled_days
            else "the next `refera run` that reaches the present settles it.",
        )
    state_relation = current_state(
        table, {one: item for one, item in days.items() if one <= day}, days[day].state.columns
    )
    columns = ", ".join(quoted(name) for name in days[day].state.columns)
    key = ", ".join(quoted(name) for name in table.key)
    return f"select {columns} from {state_relation} order by {key}"
