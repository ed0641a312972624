"""What differs between a table as it was just read and the state the lake already holds.

Both sides are DuckDB relations; the answer is the raw contract: the table's columns plus ``_op``. A row whose key
was changed is a delete and a create.

    Pulled + current state ──▶ differences() ──▶ rows with _op c, u, d
"""

from collections.abc import Sequence

from refera_platform.engine import quoted


def differences(
    *, read: str, state: str, key: Sequence[str], columns: Sequence[str], known: Sequence[str]
) -> str:
    """SQL of the changes that turn ``state`` into ``read``, in the order of the key.

    Args:
        read: Relation of the table as it is now.
        state: Relation of the rows the lake believes are there.
        key: Columns that recognise a row, never NULL.
        columns: Columns of the table as it is now.
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
        f"case when now.{first} is null then {f'was.{quoted(name)}' if name in known else 'null'}"
        f" else now.{quoted(name)} end as {quoted(name)}"
        for name in columns
    ]
    order = ", ".join(quoted(name) for name in key)
    return (
        f"select {', '.join(values)},"
        f" case when was.{first} is null then 'c' when now.{first} is null then 'd' else 'u' end as _op"
        f" from {read} as now full join {state} as was on {match}"
        f" where now.{first} is null or was.{first} is null or ({changed})"
        f" order by {order}"
    )
