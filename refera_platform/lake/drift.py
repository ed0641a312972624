"""Whether a table whose columns changed can go on in the same folder, and with which types.

A column that came, went or changed within its kind goes on as a new schema version, in a type that holds both its
past and its present; anything else stops that table, because one reader could no longer give all days one type.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from refera_platform.errors import LakeError
from refera_platform.lake.state import RawState
from refera_platform.source.types import WIDEST_DECIMAL

SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
UNSIGNED = tuple(f"U{kind}" for kind in SIGNED)
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
    return Altered(
        added=tuple(name for name in now if name not in was),
        changed=tuple(
            f"{name}: {was[name]} → {kind}" for name, kind in now.items() if was.get(name, kind) != kind
        ),
        gone=tuple(name for name in was if name not in now),
    )


def carried(address: str, states: Iterable[RawState], now: Mapping[str, str]) -> dict[str, str]:
    """The type that each column of the table is written in.

    Args:
        address: ``database.table``, for messages.
        states: What the observed objects say of themselves, oldest first.
        now: Types by column at the source.

    Raises:
        LakeError: naming the column whose type cannot go on.
    """
    types = folded(address, [*(state.columns for state in states), now])
    return {name: types[name] for name in now}


def folded(address: str, shapes: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The type that holds every value of each column that any shape of a table had.

    Args:
        address: ``database.table``, for messages.
        shapes: Types by column, oldest first.

    Raises:
        LakeError: naming the column whose type cannot go on.
    """
    types: dict[str, str] = {}
    for shape in shapes:
        for name, kind in shape.items():
            both = common(types.get(name, kind), kind)
            if both is None:
                raise LakeError(
                    f"Column {name} of {address} was {types[name]} in the lake and is {kind} at the source, which no"
                    " reader can hold in one column:",
                    f"give it its old type back and `refera resnapshot {address}`, or rename it at the source, or move"
                    " the table's raw objects away and capture it anew.",
                )
            types[name] = both
    return types


def common(was: str, now: str) -> str | None:
    """The narrowest type that holds every value of both; ``None`` when there is none."""
    if was == now:
        return now
    decimals = DECIMAL.fullmatch(was), DECIMAL.fullmatch(now)
    if decimals[0] and decimals[1]:
        pairs = [(int(found[1]), int(found[2])) for found in decimals if found]
        scale = max(digits for _, digits in pairs)
        precision = max(whole - digits for whole, digits in pairs) + scale
        return f"DECIMAL({precision},{scale})" if precision <= WIDEST_DECIMAL else None
    if {was, now} == {"FLOAT", "DOUBLE"}:
        return "DOUBLE"
    for kinds in (SIGNED, UNSIGNED):
        if was in kinds and now in kinds:
            return max(was, now, key=kinds.index)
    if {was, now} <= {*SIGNED, *UNSIGNED}:
        signed, unsigned = sorted((was, now), key=lambda kind: kind in UNSIGNED)
        size = max(SIGNED.index(signed), UNSIGNED.index(unsigned) + 1)
        return SIGNED[size] if size < len(SIGNED) else None
    return None
