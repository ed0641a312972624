"""What differs between rows as they were just read and the state the lake already holds.

Both sides are DuckDB relations; the answer is the raw contract: the table's columns plus ``_op``. A row whose key
was changed is a delete and a create.

    Pulled + current state ──▶ differences() ──▶ rows with _op c, u, d (or r)
"""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from refera_platform.engine import quoted


class Reading(Enum):
    """What it means that a row was read, or was not."""

    WHOLE = "whole"
    """The whole table was read: a row that is absent was deleted."""
    PART = "part"
    """Some rows were read: of the others nothing is known."""
    BASELINE = "baseline"
    """The whole table was read as a new beginning: each row of it is wanted, changed or not."""


def differences(
    *,
    read: str,
    state: str,
    key: Sequence[str],
    columns: Mapping[str, str],
    known: Collection[str],
    reading: Reading = Reading.WHOLE,
) -> str:
    """SQL of the changes that turn ``state`` into ``read``, in the order of the key.

    Args:
        read: Relation of the rows as they are now.
        state: Relation of the rows the lake believes are there.
        key: Columns that recognise a row, never NULL.
        columns: Type of each column of the table as it is now; it holds the values of both sides.
        known: Columns that the state has; the others are new and NULL there.
        reading: How much of the table ``read`` is.
    """
    match = " and ".join(f"now.{quoted(name)} = was.{quoted(name)}" for name in key)
    first = quoted(key[0])
    pairs = [
        (f"now.{quoted(name)}", f"was.{quoted(name)}" if name in known else "null")
        for name in columns
        if name not in key
    ]
    changed = " or ".join(f"{now} is distinct from {was}" for now, was in pairs) or "false"
    values = [
        # each side is cast by itself: a CASE over BIGINT and UBIGINT would be HUGEINT, which Parquet holds as a float
        f"case when now.{first} is null then cast({f'was.{quoted(name)}' if name in known else 'null'} as {kind})"
        f" else cast(now.{quoted(name)} as {kind}) end as {quoted(name)}"
        for name, kind in columns.items()
    ]
    order = ", ".join(quoted(name) for name in key)
    op = f"case when now.{first} is null then 'd' when was.{first} is null then 'c' else 'u' end"
    wanted = f"now.{first} is null or was.{first} is null or ({changed})"
    if reading is Reading.BASELINE:
        op, wanted = f"case when now.{first} is null then 'd' else 'r' end", "true"
    join = "left join" if reading is Reading.PART else "full join"
    return (
        f"select {', '.join(values)}, {op} as _op from {read} as now {join} {state} as was on {match}"
        f" where {wanted} order by {order}"
    )
