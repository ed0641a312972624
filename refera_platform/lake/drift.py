"""Whether a table whose columns changed can go on in the same folder.

A column that came, went or widened within its kind goes on as a new schema version; anything else stops that
table, because one reader could no longer give both days one type.
"""

from collections.abc import Mapping

from refera_platform.errors import LakeError

KINDS = (
    frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}),
    frozenset({"FLOAT", "DOUBLE"}),
)


def schema_version(address: str, was: Mapping[str, str], now: Mapping[str, str], version: int) -> int:
    """The version of the columns as they are now.

    Args:
        address: ``database.table``, for messages.
        was: Types by column in the newest object.
        now: Types by column at the source.
        version: Schema version of the newest object.

    Raises:
        LakeError: naming the column whose type cannot go on.
    """
    for name, kind in now.items():
        if name in was and not _goes_on(was[name], kind):
            raise LakeError(
                f"Column {name} of {address} was {was[name]} in the lake and is {kind} at the source, which no reader"
                " can hold in one column:",
                "rename the column at the source, or move the table's raw objects away and capture it anew.",
            )
    return version if dict(was) == dict(now) else version + 1


def _goes_on(was: str, now: str) -> bool:
    if was == now or (was.startswith("DECIMAL") and now.startswith("DECIMAL")):
        return True
    return any(was in kind and now in kind for kind in KINDS)
