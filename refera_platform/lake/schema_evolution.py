"""Schema evolution: SQL that reads rows of older objects in the columns that the table has now.

    columns of the objects ──▶ newest_column_types() ──▶ selection_as(): one column for each name, in its present type

``schema_drift`` finds the type that holds old and new values. Where there is none (a text became a date, and somebody
took a new snapshot of the table), older values are cast to the present type, and are NULL where the cast fails. The
objects keep the old values.
"""

from collections.abc import Iterable, Mapping

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.lake.schema_drift import common_type
from refera_platform.source.column_names import name_identity

ColumnTypes = Mapping[str, str]
"""Parquet type by column."""


def newest_column_types(schema_versions: Iterable[ColumnTypes]) -> dict[str, str]:
    """Every column of all schema versions, in the spelling and type of the last version that has it."""
    newest: dict[str, tuple[str, str]] = {}
    for column_types in schema_versions:
        newest |= {name_identity(name): (name, kind) for name, kind in column_types.items()}
    return dict(newest.values())


def respell_columns(column_types: ColumnTypes, names: Iterable[str]) -> dict[str, str]:
    """The same columns, spelled as in ``names``; others stay as they are."""
    spelling = {name_identity(name): name for name in names}
    return {spelling.get(name_identity(name), name): kind for name, kind in column_types.items()}


def selection_as(column_types: ColumnTypes, columns: ColumnTypes) -> str:
    """SQL of a select list that reads rows of one schema version as ``columns``; ``*`` when nothing differs.

    Args:
        column_types: Columns and types of the rows.
        columns: Spelling and type of each target column; others stay as they are.
    """
    spelling = {name_identity(name): name for name in columns}
    changed: dict[str, str] = {}
    for name, kind in column_types.items():
        new = spelling.get(name_identity(name), name)
        if (expression := _cast_expression(name, kind, columns.get(new, kind))) or new != name:
            changed[name] = f"{expression or quoted(name)} as {quoted(new)}"
    if not changed:
        return "*"
    return f"* exclude ({', '.join(map(quoted, changed))}), {', '.join(changed.values())}"


def selection_keeping_old(file_types: ColumnTypes, columns: ColumnTypes) -> str:
    """SQL of a select list for an object's old rows when newer rows are written to the same file.

    Values that the present type cannot hold stay in a column of their own: ``"n VARCHAR "`` (no name of a MySQL column
    ends in a blank).

    Args:
        file_types: Columns and types of the file.
        columns: Spelling and type of each column of the newer rows.
    """
    spelling = {name_identity(name): name for name in columns}
    expressions = []
    for name, kind in file_types.items():
        new = spelling.get(name_identity(name), name)
        expression = _cast_expression(name, kind, columns.get(new, kind))
        expressions.append(f"{expression or quoted(name)} as {quoted(new)}")
        if expression:
            expressions.append(f"{quoted(name)} as {quoted(f'{name} {kind} ')}")
    return ", ".join(expressions)


def _cast_expression(name: str, kind: str, target_type: str) -> str:
    """SQL that casts a column to the target type; empty when the target type holds all its values."""
    return "" if common_type(kind, target_type) == target_type else f"try_cast({quoted(name)} as {target_type})"
