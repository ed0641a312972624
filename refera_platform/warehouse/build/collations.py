"""DuckDB macros that compare texts by the collation of the source: one macro for each text column.

The rules of a collation are in ``source.collation``. The dbt macro ``folded`` calls the macros that are defined here.

RawState.collations ──▶ define_folding_macros() ──▶ folded_<database>_<table>_<column>(text)
"""

import re

import duckdb

from refera_platform.lake.lake import run_sql
from refera_platform.lake.object_state import RawState
from refera_platform.source.collation import UNKNOWN_COLLATION, collation_fold, folded_text_sql
from refera_platform.source.table import SourceTable


def define_folding_macros(connection: duckdb.DuckDBPyConnection, table: SourceTable, newest: RawState) -> None:
    """Define the folding macro of every text column of a table, by the collations of its newest day."""
    for column, kind in newest.columns.items():
        if kind == "VARCHAR":
            define_folding_macro(connection, table, column, collation_of(newest, column))


def define_folding_macro(
    connection: duckdb.DuckDBPyConnection, table: SourceTable, column: str, collation: str
) -> None:
    """Define the folding macro of one text column."""
    name = re.sub(r"\W", "_", f"folded_{table.database}_{table.name}_{column}".lower(), flags=re.ASCII)
    run_sql(
        connection,
        f"create or replace macro main.{name}(typed) as {folded_text_sql('typed', collation_fold(collation))}",
    )


def collation_of(state: RawState, column: str) -> str:
    """Collation of a column; ``UNKNOWN_COLLATION`` when the object was written before collations were recorded."""
    return state.collations.get(column, UNKNOWN_COLLATION)
