"""Deterministic random numbers: the same in Python and in DuckDB, on every machine.

A number is eight bytes of the MD5 of a topic and an index. So it depends neither on the order of the calls, nor on
the number of threads, nor on the release of Python or DuckDB (as DuckDB's ``hash()`` does).

    (topic, number) ──▶ throw ──▶ integer below 2**64
"""

from collections.abc import Sequence
from hashlib import md5
from typing import TypeVar

Item = TypeVar("Item")
_STRIDE = 17
"""Spreads neighbouring numbers over the slots; a slot's size must not be a multiple of it."""


def seeded_integer(topic: str, number: int) -> int:
    """The integer below 2**64 of a topic and a number; ``throw()`` in SQL gives the same."""
    return int.from_bytes(md5(f"{topic}/{number}".encode(), usedforsecurity=False).digest()[8:], "little")


def seeded_slot(topic: str, number: int, size: int) -> int:
    """A slot below ``size``: of the numbers from one multiple of ``size`` to the next, each has a different one.

    Rare facts are assigned by slot, not by chance, so that a small sample has all of them with any seed.
    """
    return (number * _STRIDE + seeded_integer(topic, number // size) % size) % size


def sql_macros(seed: int) -> str:
    """SQL of DuckDB's macros ``throw`` and ``slot``. They add the seed to the topic."""
    return f"""
        create macro throw(topic, number) as md5_number_lower('{seed:d}/' || topic || '/' || number);
        create macro slot(topic, number, size) as
            (number * {_STRIDE} + (throw(topic, number // size) % size)::bigint) % size;
    """


class SeededDice:
    """A sequence of random numbers of one topic."""

    def __init__(self, *topic: object) -> None:
        self._topic = "/".join(str(part) for part in topic)
        self._throw_count = 0

    def below(self, limit: int) -> int:
        """An integer from 0 to ``limit`` - 1."""
        self._throw_count += 1
        return seeded_integer(self._topic, self._throw_count) % limit

    def between(self, lowest: int, highest: int) -> int:
        """An integer from ``lowest`` to ``highest``, both included."""
        return lowest + self.below(highest - lowest + 1)

    def one_in(self, sides: int) -> bool:
        """True once in ``sides`` calls, on average."""
        return self.below(sides) == 0

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Up to ``count`` different items, in the order of the draws."""
        remaining = list(items)
        chosen: list[Item] = []
        while remaining and len(chosen) < count:
            index = self.below(len(remaining))
            remaining[index], remaining[-1] = remaining[-1], remaining[index]
            chosen.append(remaining.pop())
        return chosen
