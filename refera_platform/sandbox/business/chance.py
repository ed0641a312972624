"""SQL of deterministic random numbers: each depends on the seed, a topic and its own number, not on any order of calls.

MariaDB computes them. The seed is the variable ``@seed`` of the session.
"""

_STRIDE = 17
"""Spreads neighbouring numbers over the slots; a slot's size must not be a multiple of it."""


def throw(topic: str, number: str) -> str:
    """SQL of an integer below 2**32. CRC-32 by itself is linear, so two topics of one number would be correlated."""
    return f"crc32(crc32(concat(@seed, '/{topic}/', {number})))"


def slot(topic: str, number: str, size: int) -> str:
    """SQL of a slot below ``size``: of the numbers from one multiple of ``size`` to the next, each has a different one.

    Rare facts are assigned by slot, not by chance, so that a small sample has all of them with any seed.
    """
    return f"(({number}) * {_STRIDE} + {throw(topic, f'({number}) div {size}')}) % {size}"


def skewed(topic: str, number: str, size: str) -> str:
    """SQL of an index below ``size``; the lower ones are the more frequent."""
    return f"least({throw(topic, number)} % {size}, {throw(f'other {topic}', number)} % {size})"


def numbered_table(table: str, column: str, query: str) -> str:
    """SQL of a temporary table with the ``column`` of a query's rows and their number ``i`` from 0, to draw from it."""
    return f"""
        create or replace temporary table {table} (i int primary key) as
        select row_number() over (order by {column}) - 1 as i, {column} from ({query}) as drawn"""
