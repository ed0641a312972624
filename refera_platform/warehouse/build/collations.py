"""Functions by which a build compares texts as the source does: one for each text column, made of what the lake knows.

RawState.collations ──▶ define() ──▶ folded_<database>_<table>_<column>(text), which the macro ``folded`` calls
"""

import re

import duckdb

from refera_platform.lake.lake import run_sql
from refera_platform.lake.object_state import RawState
from refera_platform.source.collation import UNKNOWN_COLLATION, collation_fold, folded_text_sql
from refera_platform.source.table import SourceTable


def define_folding_macros(connection: duckdb.DuckDBPyConnection, table: SourceTable, newest: RawState) -> None:
    """Make the functions for the texts of a table, by the collations of its newest day."""
    for column, kind in newest.columns.items():
        if kind == "VARCHAR":
            define_folding_macro(connection, table, column, collation_of(newest, column))


def define_folding_macro(
    connection: duckdb.DuckDBPyConnection, table: SourceTable, column: str, collation: str
) -> None:
    """Make the function of one text."""
    name = re.sub(r"\W", "_", f"folded_{table.database}_{table.name}_{column}".lower(), flags=re.ASCII)
    run_sql(
        connection,
        f"create or replace macro main.{name}(typed) as {folded_text_sql('typed', collation_fold(collation))}",
    )


def collation_of(state: RawState, column: str) -> str:
    """How the source compares a text; objects of before collations were kept say nothing."""
    return state.collations.get(column, UNKNOWN_COLLATION)
