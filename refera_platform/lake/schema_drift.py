"""Whether a table whose columns changed can go on in the same folder, and with which types.

A column that came, went or changed within its kind goes on as a new schema version, in a type that holds both its
past and its present. Where there is no such type the table stops, until somebody takes a new snapshot of it: with that
its columns begin anew, and the days before keep theirs (``evolution`` reads both).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from refera_platform.errors import LakeError
from refera_platform.lake.object_state import RawState
from refera_platform.source.column_names import name_identity
from refera_platform.source.types import WIDEST_DECIMAL

SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
UNSIGNED = tuple(f"U{kind}" for kind in SIGNED)
WHOLE = dict(zip((*SIGNED, *UNSIGNED), (3, 5, 10, 19, 3, 5, 10, 20), strict=True))
"""Digits that the values of each whole number have at most."""
DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


@dataclass(frozen=True, kw_only=True)
class Altered:
    """How the columns of a table differ from those of the pass before."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Each with both types: ``x: INTEGER → BIGINT``."""
    gone: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """What came and what changed, as a sentence; empty when nothing did."""
        parts = [f"{', '.join(self.added)} came"] if self.added else []
        parts += [f"{', '.join(self.changed)}"] if self.changed else []
        return f"The table was altered: {'; '.join(parts)}." if parts else ""


def altered(was: Mapping[str, str] | None, now: Mapping[str, str]) -> Altered:
    """Compare types by column of before and of now; nothing differs from what nobody knew."""
    if was is None:
        return Altered()
    before = {name_identity(name): kind for name, kind in was.items()}
    there = {name_identity(name) for name in now}
    return Altered(
        added=tuple(name for name in now if name_identity(name) not in before),
        changed=tuple(
            _changed(name, before[name_identity(name)], kind)
            for name, kind in now.items()
            if before.get(name_identity(name), kind) != kind
        ),
        gone=tuple(name for name in was if name_identity(name) not in there),
    )


def _changed(name: str, was: str, now: str) -> str:
    """One column that changed its type, and what that means when no type holds both."""
    apart = "" if common(was, now) else " (no type holds both: older days keep theirs)"
    return f"{name}: {was} → {now}{apart}"


def carried(address: str, states: Sequence[RawState], now: Mapping[str, str]) -> dict[str, str]:
    """The type that each column of the table is written in.

    Args:
        address: ``database.table``, for messages.
        states: What the observed objects say of themselves, oldest first.
        now: Types by column at the source.

    Raises:
        LakeError: naming the column whose type cannot go on.
    """
    types = folded(address, [*shapes_since(states), now])
    return {name: types[name] for name in now}


def begun(states: Sequence[RawState], now: Mapping[str, str], day: date) -> tuple[dict[str, str], str]:
    """The types of a table that is read whole, and the day since which one type holds all values of each column.

    A column whose past no type holds together with its present begins anew; older days keep the type that they have.

    Args:
        states: What the observed objects say of themselves, oldest first.
        now: Types by column at the source.
        day: The day that gets the snapshot.
    """
    types, parted = _folded([*shapes_since(states), now])
    since = day.isoformat() if parted else states[-1].schema_since if states else ""
    return {name: types[name] for name in now}, since


def shapes_since(states: Sequence[RawState]) -> list[Mapping[str, str]]:
    """Types by column of the days whose columns have one type with those of the last of them, oldest first."""
    since = states[-1].schema_since if states else ""
    return [state.columns for state in states if state.day.isoformat() >= since]


def folded(address: str, shapes: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The type that holds every value of each column that any shape of a table had, by its newest spelling.

    Args:
        address: ``database.table``, for messages.
        shapes: Types by column, oldest first.

    Raises:
        LakeError: naming the column whose type cannot go on.
    """
    types, parted = _folded(shapes)
    for name, (was, now) in parted.items():
        raise LakeError(
            f"Column {name} of {address} was {was} and is {now} at the source, and no type holds the values of both:",
            f"`refera resnapshot {address}` goes on with {now} (older days keep {was}), or give it its old type back.",
        )
    return types


def _folded(shapes: Iterable[Mapping[str, str]]) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Types by column, and both types of those columns for which there is none; the newer one counts there."""
    types: dict[str, tuple[str, str]] = {}
    parted: dict[str, tuple[str, str]] = {}
    for shape in shapes:
        for name, kind in shape.items():
            _, was = types.get(name_identity(name), (name, kind))
            both = common(was, kind)
            if both is None:
                parted[name] = (was, kind)
            types[name_identity(name)] = (name, both or kind)
    return dict(types.values()), parted


def common(was: str, now: str) -> str | None:
    """The narrowest type that holds every value of both exactly; ``None`` when there is none."""
    if was == now:
        return now
    if {was, now} == {"FLOAT", "DOUBLE"}:
        return "DOUBLE"
    for kinds in (SIGNED, UNSIGNED):
        if was in kinds and now in kinds:
            return max(was, now, key=kinds.index)
    if {was, now} <= {*SIGNED, *UNSIGNED}:
        signed, unsigned = sorted((was, now), key=lambda kind: kind in UNSIGNED)
        size = max(SIGNED.index(signed), UNSIGNED.index(unsigned) + 1)
        if size < len(SIGNED):
            return SIGNED[size]
    digits = _digits(was), _digits(now)
    if digits[0] is None or digits[1] is None:
        return None
    scale = max(digits[0][1], digits[1][1])
    precision = max(digits[0][0] - digits[0][1], digits[1][0] - digits[1][1]) + scale
    return f"DECIMAL({precision},{scale})" if precision <= WIDEST_DECIMAL else None


def _digits(kind: str) -> tuple[int, int] | None:
    """Digits of an exact number, and those behind the point; ``None`` for other types."""
    if kind in WHOLE:
        return WHOLE[kind], 0
    found = DECIMAL.fullmatch(kind)
    return (int(found[1]), int(found[2])) if found else None
