"""Chance that comes out the same on every machine: one throw in Python, the same throw in DuckDB.

A throw is eight bytes of the MD5 of a topic and a number, so it depends on nothing else: not on the
order of the throws, the number of threads, nor the release of Python or DuckDB (``hash()`` does).

    (topic, number) ──▶ throw ──▶ integer below 2**64
"""

from collections.abc import Sequence
from hashlib import md5
from typing import TypeVar

Item = TypeVar("Item")
_STRIDE = 17
"""Keeps neighbours apart; a slot's size must not be a multiple of it."""


def seeded_integer(topic: str, number: int) -> int:
    """The integer below 2**64 that belongs to a topic and a number; ``throw()`` in SQL gives the same."""
    return int.from_bytes(md5(f"{topic}/{number}".encode(), usedforsecurity=False).digest()[8:], "little")


def seeded_slot(topic: str, number: int, size: int) -> int:
    """A place below ``size``; of the numbers from a multiple of ``size`` to the next, each has its own.

    Rare facts are dealt by slot, not by chance, so that a small sample has all of them with any seed.
    """
    return (number * _STRIDE + seeded_integer(topic, number // size) % size) % size


def sql_macros(seed: int) -> str:
    """``throw`` and ``slot`` for DuckDB; topics of the SQL side are told without the seed."""
    return f"""
        create macro throw(topic, number) as md5_number_lower('{seed:d}/' || topic || '/' || number);
        create macro slot(topic, number, size) as
            (number * {_STRIDE} + (throw(topic, number // size) % size)::bigint) % size;
    """


class SeededDice:
    """Throws one after the other about one topic."""

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
        """True once in ``sides`` throws, on average."""
        return self.below(sides) == 0

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.below(len(items))]

    def sample(self, items: Sequence[Item], count: int) -> list[Item]:
        """Up to ``count`` different items, in the order of the throws."""
        remaining = list(items)
        chosen: list[Item] = []
        while remaining and len(chosen) < count:
            index = self.below(len(remaining))
            remaining[index], remaining[-1] = remaining[-1], remaining[index]
            chosen.append(remaining.pop())
        return chosen
