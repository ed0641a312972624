"""Schema evolution: how the rows of an object are shown in the columns that the table has now.

    shapes of the objects ──▶ newest_shape() ──▶ shown_in(): SQL with one column for each name, in its present type

A type that holds past and present is found by ``drift``. Where there is none (a text became a date, and somebody took a
new snapshot of the table), older values are shown in the present type as far as they can be converted, and as NULL
otherwise; their own objects keep them as they were.
"""

from collections.abc import Iterable, Mapping

from refera_platform.duckdb_session.quoting import quoted
from refera_platform.lake.schema_drift import common
from refera_platform.source.column_names import name_identity

Shape = Mapping[str, str]
"""Parquet type by column."""


def newest_shape(shapes: Iterable[Shape]) -> dict[str, str]:
    """Every column that any shape has, in the spelling and the type of the last one that has it."""
    found: dict[str, tuple[str, str]] = {}
    for shape in shapes:
        found |= {name_identity(name): (name, kind) for name, kind in shape.items()}
    return dict(found.values())


def respelled(shape: Shape, names: Iterable[str]) -> dict[str, str]:
    """The same shape, its columns spelled as in ``names``; others stay as they are."""
    spelling = {name_identity(name): name for name in names}
    return {spelling.get(name_identity(name), name): kind for name, kind in shape.items()}


def shown_in(shape: Shape, columns: Shape) -> str:
    """SQL of what is selected from rows of one shape to show them in ``columns``: all, with what differs changed.

    Args:
        shape: What the rows have.
        columns: Spelling and type of each column wanted; others stay as they are.
    """
    wanted = {name_identity(name): name for name in columns}
    changed: dict[str, str] = {}
    for name, kind in shape.items():
        new = wanted.get(name_identity(name), name)
        if (expression := _converted(name, kind, columns.get(new, kind))) or new != name:
            changed[name] = f"{expression or quoted(name)} as {quoted(new)}"
    if not changed:
        return "*"
    return f"* exclude ({', '.join(map(quoted, changed))}), {', '.join(changed.values())}"


def kept_beside(there: Shape, columns: Shape) -> str:
    """SQL of what is selected from an object's rows when newer ones join them in the same file.

    Values that the present type cannot hold stay in a column of their own: ``"n VARCHAR "`` (no name of a MySQL column
    ends in a blank).

    Args:
        there: What the file has.
        columns: Spelling and type of each column of the newer rows.
    """
    wanted = {name_identity(name): name for name in columns}
    told = []
    for name, kind in there.items():
        new = wanted.get(name_identity(name), name)
        expression = _converted(name, kind, columns.get(new, kind))
        told.append(f"{expression or quoted(name)} as {quoted(new)}")
        if expression:
            told.append(f"{quoted(name)} as {quoted(f'{name} {kind} ')}")
    return ", ".join(told)


def _converted(name: str, kind: str, wanted: str) -> str:
    """SQL of values whose type the wanted one does not include; empty when it does."""
    return "" if common(kind, wanted) == wanted else f"try_cast({quoted(name)} as {wanted})"
