"""What differs between a table as it was just read and the state the lake already holds.

Both sides are DuckDB relations; the answer is the raw contract: the table's columns plus ``_op``. A row whose key
was changed is a delete and a create.

    Pulled + current state ──▶ differences() ──▶ rows with _op c, u, d
"""

from collections.abc import Collection, Mapping, Sequence

from refera_platform.engine import quoted


def differences(
    *, read: str, state: str, key: Sequence[str], columns: Mapping[str, str], known: Collection[str]
) -> str:
    """SQL of the changes that turn ``state`` into ``read``, in the order of the key.

    Args:
        read: Relation of the table as it is now.
        state: Relation of the rows the lake believes are there.
        key: Columns that recognise a row, never NULL.
        columns: Type of each column of the table as it is now; it holds the values of both sides.
        known: Columns that the state has; the others are new and NULL there.
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
    return (
        f"select {', '.join(values)},"
        f" case when was.{first} is null then 'c' when now.{first} is null then 'd' else 'u' end as _op"
        f" from {read} as now full join {state} as was on {match}"
        f" where now.{first} is null or was.{first} is null or ({changed})"
        f" order by {order}"
    )
