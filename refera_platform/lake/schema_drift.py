"""Schema drift: whether a table whose columns changed can go on in the same folder, and with which types.

A column that was added, dropped or changed within its kind goes on as a new schema version, in a type that holds its
old and its new values. Where there is no such type the table stops until somebody takes a new snapshot of it. Then its
columns have the new types, and the days before keep theirs (``schema_evolution`` reads both).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from msgspec import Struct

from refera_platform.errors import LakeError
from refera_platform.lake.object_state import RawState
from refera_platform.source.column_names import name_identity
from refera_platform.source.types import MAX_DECIMAL_DIGITS

SIGNED_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
UNSIGNED_TYPES = tuple(f"U{kind}" for kind in SIGNED_TYPES)
INTEGER_DIGITS = dict(zip((*SIGNED_TYPES, *UNSIGNED_TYPES), (3, 5, 10, 19, 3, 5, 10, 20), strict=True))
"""Most decimal digits of the values of each integer type."""
DECIMAL_TYPE_PATTERN = re.compile(r"DECIMAL\((\d+),(\d+)\)")


class SchemaChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the columns of a table differ from those of the run before."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Each with both types: ``x: INTEGER → BIGINT``."""
    gone: tuple[str, ...] = ()

    @property
    def description(self) -> str:
        """The added and changed columns, as a sentence; empty when there are none."""
        parts = [f"{', '.join(self.added)} added"] if self.added else []
        parts += [f"{', '.join(self.changed)}"] if self.changed else []
        return f"The table was altered: {'; '.join(parts)}." if parts else ""


def detect_schema_change(previous: Mapping[str, str] | None, current: Mapping[str, str]) -> SchemaChange:
    """Compare previous and current types by column; without previous types there is no change."""
    if previous is None:
        return SchemaChange()
    previous_types = {name_identity(name): kind for name, kind in previous.items()}
    current_names = {name_identity(name) for name in current}
    return SchemaChange(
        added=tuple(name for name in current if name_identity(name) not in previous_types),
        changed=tuple(
            _type_change(name, previous_types[name_identity(name)], kind)
            for name, kind in current.items()
            if previous_types.get(name_identity(name), kind) != kind
        ),
        gone=tuple(name for name in previous if name_identity(name) not in current_names),
    )


def _type_change(name: str, previous: str, current: str) -> str:
    """Text for one column that changed its type, with a warning when no type holds both."""
    warning = "" if common_type(previous, current) else " (no type holds both: older days keep theirs)"
    return f"{name}: {previous} → {current}{warning}"


def require_continued_types(address: str, states: Sequence[RawState], current: Mapping[str, str]) -> dict[str, str]:
    """The type in which each column of the table is written.

    Args:
        address: ``database.table``, for messages.
        states: States of the observed objects, oldest first.
        current: Types by column at the source.

    Raises:
        LakeError: naming the column whose type cannot go on.
    """
    types = require_common_types(address, [*column_types_since(states), current])
    return {name: types[name] for name in current}


def snapshot_types(states: Sequence[RawState], current: Mapping[str, str], day: date) -> tuple[dict[str, str], str]:
    """The types of a new snapshot, and the day since which one type holds all values of each column.

    A column gets its current type when no type holds its old values too; older days keep their type.

    Args:
        states: States of the observed objects, oldest first.
        current: Types by column at the source.
        day: The day that gets the snapshot.
    """
    types, incompatible = _merge_types([*column_types_since(states), current])
    since = day.isoformat() if incompatible else states[-1].schema_since if states else ""
    return {name: types[name] for name in current}, since


def column_types_since(states: Sequence[RawState]) -> list[Mapping[str, str]]:
    """Types by column of the days since the newest state's ``schema_since``, oldest first."""
    since = states[-1].schema_since if states else ""
    return [state.columns for state in states if state.day.isoformat() >= since]


def require_common_types(address: str, schema_versions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The type that holds every value of each column in all schema versions, by the column's newest spelling.

    Args:
        address: ``database.table``, for messages.
        schema_versions: Types by column, oldest first.

    Raises:
        LakeError: naming the column whose type cannot go on.
    """
    types, incompatible = _merge_types(schema_versions)
    for name, (previous, current) in incompatible.items():
        raise LakeError(
            f"Column {name} of {address} was {previous} and is {current} at the source, and no type holds the"
            " values of both:",
            f"`refera resnapshot {address}` continues with {current} (older days keep {previous}), or give it its old"
            " type back.",
        )
    return types


def _merge_types(schema_versions: Iterable[Mapping[str, str]]) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Common types by column, and both types of the columns without one, which get the newer type."""
    types: dict[str, tuple[str, str]] = {}
    incompatible: dict[str, tuple[str, str]] = {}
    for column_types in schema_versions:
        for name, kind in column_types.items():
            _, previous = types.get(name_identity(name), (name, kind))
            common_kind = common_type(previous, kind)
            if common_kind is None:
                incompatible[name] = (previous, kind)
            types[name_identity(name)] = (name, common_kind or kind)
    return dict(types.values()), incompatible


def common_type(previous: str, current: str) -> str | None:
    """The narrowest type that holds every value of both exactly; ``None`` when there is none."""
    if previous == current:
        return current
    if {previous, current} == {"FLOAT", "DOUBLE"}:
        return "DOUBLE"
    for kinds in (SIGNED_TYPES, UNSIGNED_TYPES):
        if previous in kinds and current in kinds:
            return max(previous, current, key=kinds.index)
    if {previous, current} <= {*SIGNED_TYPES, *UNSIGNED_TYPES}:
        signed, unsigned = sorted((previous, current), key=lambda kind: kind in UNSIGNED_TYPES)
        size = max(SIGNED_TYPES.index(signed), UNSIGNED_TYPES.index(unsigned) + 1)
        if size < len(SIGNED_TYPES):
            return SIGNED_TYPES[size]
    digits = _digits(previous), _digits(current)
    if digits[0] is None or digits[1] is None:
        return None
    scale = max(digits[0][1], digits[1][1])
    precision = max(digits[0][0] - digits[0][1], digits[1][0] - digits[1][1]) + scale
    return f"DECIMAL({precision},{scale})" if precision <= MAX_DECIMAL_DIGITS else None


def _digits(kind: str) -> tuple[int, int] | None:
    """Precision and scale of an exact number type; ``None`` for other types."""
    if kind in INTEGER_DIGITS:
        return INTEGER_DIGITS[kind], 0
    match = DECIMAL_TYPE_PATTERN.fullmatch(kind)
    return (int(match[1]), int(match[2])) if match else None
