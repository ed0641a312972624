"""What a table adds up to at the source: its rows and its money, as a whole and in its declared groups."""

from collections.abc import Mapping

from refera_platform.duckdb_session.quoting import literal
from refera_platform.source.connection import Source
from refera_platform.source.table import Grouping, SourceTable
from refera_platform.source.types import backticked

MAX_GROUPS = 1000
"""Groups of one grouping that are asked for, the largest first: what is kept of each day must stay small."""
MAX_GROUPED_ROWS = 5_000_000
"""Rows of the largest table that is asked for its groups: the run's snapshot is open meanwhile (2 s a million rows)."""
GroupTotals = tuple[str | None, int, str | None]
"""The group's value as text, its rows, and its money as decimal text if the table has an amount."""


def source_totals(source: Source, table: SourceTable) -> tuple[int, str | None]:
    """Rows of the table at the source, and the sum of its declared amount as decimal text if it has one."""
    money = _amount_sql(table, _column_names(source, table.name))
    row = source.ask(f"select {_totals_select_list(money)} from {backticked(table.name)} as t")[0]
    return int(row[0]), None if row[1] is None else str(row[1])


def grouped_totals(source: Source, table: SourceTable, rows: int) -> Mapping[str, tuple[GroupTotals, ...]]:
    """The same in each declared group, by grouping: at most ``MAX_GROUPS`` and one, which says that there are more.

    Args:
        source: Where to ask, in the snapshot that the totals are of.
        table: Which table.
        rows: How many it has; of more than ``MAX_GROUPED_ROWS`` nothing is asked.
    """
    if not table.groupings or rows > MAX_GROUPED_ROWS:
        return {}
    columns = _column_names(source, table.name)
    money = _amount_sql(table, columns)
    totals_by_grouping: dict[str, tuple[GroupTotals, ...]] = {}
    for each in table.groupings:
        joined_columns = _column_names(source, each.of) if each.of else columns
        # of a column that is gone the check of columns tells
        if each.column in joined_columns and (not each.of or (each.on[0] in columns and each.on[1] in joined_columns)):
            answer = source.ask(_group_totals_sql(table, each, money))
            totals_by_grouping[each.name] = tuple(
                (None if value is None else str(value), int(count), None if sum_ is None else str(sum_))
                for value, count, sum_ in answer
            )
    return totals_by_grouping


def _group_totals_sql(table: SourceTable, grouping: Grouping, money: str) -> str:
    """SQL of a table's groups; which texts are one group is for the column's collation to say."""
    relation = f"{backticked(table.name)} as t"
    if grouping.of:
        ours, theirs = map(backticked, grouping.on)
        relation += f" left join {backticked(grouping.of)} as o on t.{ours} = o.{theirs}"
    column = f"{'o' if grouping.of else 't'}.{backticked(grouping.column)}"
    # not by an index of the column, whose rows lie anywhere: a million took 4 s so, and 1.5 s in the order of the table
    group = f"concat({column})"
    if grouping.is_month:  # of a partial date the lake keeps NULL
        group = f"if(month({column}) * dayofmonth({column}) = 0, null, date_format({column}, '%Y-%m'))"
    return (
        f"select cast(min({group}) as char) as value, {_totals_select_list(money)} from {relation}"
        f" group by {group} order by 2 desc, 1 limit {MAX_GROUPS + 1}"
    )


def _totals_select_list(money: str) -> str:
    """SQL of a row count and a sum, as text that loses nothing."""
    return f"cast(count(*) as signed), cast({f'coalesce(sum({money}), 0)' if money else 'null'} as char)"


def _amount_sql(table: SourceTable, columns: set[str]) -> str:
    """SQL of a row's money; empty for a table without an amount, or one whose columns are gone."""
    return " * ".join(f"t.{backticked(name)}" for name in table.amount) if columns.issuperset(table.amount) else ""


def _column_names(source: Source, table: str) -> set[str]:
    condition = f"table_schema = database() and table_name = {literal(table)}"
    return {row[0] for row in source.ask(f"select column_name from information_schema.columns where {condition}")}
