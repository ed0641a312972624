"""Generator of two years of orders, order lines and payments: DuckDB writes files for LOAD DATA, chunk by chunk.

These three tables grow with the scale, so they are computed in SQL: every row depends on the seed and its own number
only, whatever the number of threads or chunks. Money is in whole cents until it is written.

    order i ──▶ day, customer, fate (slot of 50) ──▶ lines ──▶ total ──▶ payments ──▶ CSV
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from refera_platform.sandbox.business.goods import Product
from refera_platform.sandbox.business.seeded_dice import sql_macros
from refera_platform.sandbox.business.vocabulary import COMMENTS, WIDE_COMMENTS

HISTORY_DAYS = 730
ORDERS_AT_SCALE_1 = 326
ORDERS_A_CHUNK = 20_000
FIRST_ORDER_NUMBER = 10_100
OPEN_ORDER_DAYS = 12
"""Each of these last days has an open order, so that the first simulated day finds some at any scale."""
_MONTH_WEIGHTS = (82, 74, 90, 92, 98, 90, 84, 88, 102, 116, 158, 140)
"""Weight of each month; most models are sold before Christmas."""

_FILES = {
    "orders": ("chunk", "number, ordered_on, required_on, shipped_on, status, comments, customer"),
    "orderdetails": ("line", "number, product, quantity, price, line"),
    "payments": ("payment", "customer, check_number, paid_on, amount"),
}
"""Table of the source -> DuckDB table, and the columns in the source's order."""
_ORDERS_SQL = """
create or replace table chunk as
with dated as (
    select unnest(range(first, last)) as i, day, last from day where last > $start and first < $stop
),
thrown as (
    select
        i, day,
        slot('fate', i, 50) as fate,
        slot('comment', i, 20) as remark,
        ($opening::date - day) as age,
        age <= $last_days and i = last - 1 as is_kept,
        7 + (throw('lead', i) % 14)::int as lead,
        1 + (throw('ship', i) % 6)::int as ship,
        least(throw('buyer', i) % $buyers, throw('other buyer', i) % $buyers)::bigint as keenness,
        1 + (throw('lines', i) % 19)::int as line_count,
    from dated
    where i >= $start and i < $stop
),
planned as (
    select
        *,
        day + lead as required_on,
        day + case when fate in (6, 7, 8) then lead + 1 + (throw('late', i) % 20)::int else ship end as leaves_on,
        case
            when is_kept and age % 4 = 1 then 'On Hold'
            when is_kept then 'In Process'
            when fate in (0, 5) then 'Cancelled'
            when fate = 1 then 'On Hold'
            when fate = 2 then 'Disputed'
            when fate = 3 then 'Resolved'
            when fate = 4 then 'In Process'
            else 'Shipped'
        end as wanted,
    from thrown
)
select
    i, $first_order + i + i // 7 as number, day as ordered_on, required_on, line_count, fate,
    case when has_left then leaves_on end as shipped_on,
    case when wanted in ('Shipped', 'Disputed', 'Resolved') and not has_left then 'In Process' else wanted end
        as status,
    case
        when remark = 0 then ''
        when remark < 6 then $comments[1 + (i // 20 * 5 + remark) % len($comments)]
    end as comments,
    coalesce(pinned.customer, buyer.customer) as customer,
from (
    select
        *,
        leaves_on < $opening::date
        and (wanted in ('Shipped', 'Disputed', 'Resolved') or (wanted = 'Cancelled' and fate = 5)) as has_left,
    from planned
) as settled
join buyer using (keenness)
left join pinned using (i)
order by number
"""
_LINES_SQL = """
create or replace table line as
with thrown as (
    select
        number, n,
        throw('product', i * 32 + n) as which,
        throw('line', i * 32 + n) as terms,
    from (select number, i, unnest(range(line_count)) as n from chunk)
),
chosen as (
    select
        number, n, terms,
        least((which & 4294967295) % $sellable, (which >> 32) % $sellable)::bigint as product,
    from thrown
),
once as (
    select number, product, min(n) as n, arg_min(terms, n) as terms from chosen group by all
)
select
    number, code as product,
    12 + ((terms & 65535) % 44)::int as quantity,
    cents * (80 + ((terms >> 16) & 65535) % 21)::int // 100 as price_cents,
    row_number() over (partition by number order by n) as line,
    price_cents / 100 as price,
from once join product on product.i = once.product
order by number, code
"""
_PAYMENTS_SQL = """
create or replace table payment as
with owed as (
    select i, customer, fate, shipped_on + 3 + (throw('pay', i) % 40)::int as paid_on, total
    from chunk join (select number, sum(quantity * price_cents)::bigint as total from line group by all) using (number)
    where status in ('Shipped', 'Resolved') and (slot('unpaid', i, 25) != 0 or fate in (9, 10))
),
checked as (
    select *, unnest(if(fate in (9, 10), [0, 1], [0])) as part from owed where paid_on < $opening::date
)
select
    customer, paid_on,
    chr((65 + throw('check', i) % 26)::int) || chr((65 + throw('book', i) % 26)::int)
        || ((i * 2 + part + 50) * 7919 % 10000000) as check_number,
    case when fate not in (9, 10) then total when part = 0 then total * 2 // 5 else total - total * 2 // 5 end / 100
        as amount,
from checked
order by customer, check_number
"""


@dataclass(frozen=True)
class GeneratedChunk:
    """Rows of one table, in a file that LOAD DATA can read."""

    table: str
    path: Path
    rows: int


def order_count(scale: float) -> int:
    """How many orders a sample of this scale has."""
    return max(98, round(ORDERS_AT_SCALE_1 * scale))


def write_history_chunks(
    folder: Path,
    *,
    seed: int,
    scale: float,
    opening: date,
    buyers: Sequence[int],
    pinned: dict[int, int],
    goods: Sequence[Product],
) -> Iterator[GeneratedChunk]:
    """Write the files of all three tables, parents first within a chunk. A file is deleted when the next is requested.

    Args:
        folder: Folder for the files, one at a time.
        seed: Seed of all random numbers.
        scale: 1 is about the size of the public sample.
        opening: First day after the history.
        buyers: Numbers of the customers who order, the most frequent first.
        pinned: Orders, counted from 0, whose customer is given.
        goods: Products that were ever sold.
    """
    count = order_count(scale)
    parameters = {
        "opening": opening,
        "buyers": len(buyers),
        "first_order": FIRST_ORDER_NUMBER,
        "last_days": OPEN_ORDER_DAYS,
        "sellable": len(goods),
        "comments": [*COMMENTS, *WIDE_COMMENTS],
    }
    with duckdb.connect(str(folder / "ledger.duckdb"), config=_config(folder)) as engine:
        engine.execute(sql_macros(seed))
        _create_table(engine, "day", ("day date", "first bigint", "last bigint"), _orders_by_day(count, opening))
        _create_table(
            engine,
            "product",
            ("i bigint", "code varchar", "cents bigint"),
            [(index, item.code, item.price_cents) for index, item in enumerate(goods)],
        )
        _create_table(engine, "buyer", ("keenness bigint", "customer bigint"), list(enumerate(buyers)))
        _create_table(engine, "pinned", ("i bigint", "customer bigint"), list(pinned.items()))
        for start in range(0, count, ORDERS_A_CHUNK):
            for query in (_ORDERS_SQL, _LINES_SQL, _PAYMENTS_SQL):
                query_parameters = {"start": start, "stop": min(start + ORDERS_A_CHUNK, count)} | parameters
                engine.execute(query, {name: value for name, value in query_parameters.items() if f"${name}" in query})
            yield from _write_files(engine, folder)


def _write_files(engine: duckdb.DuckDBPyConnection, folder: Path) -> Iterator[GeneratedChunk]:
    """Write the chunk in the DuckDB tables to files."""
    for table, (engine_table, columns) in _FILES.items():
        path = folder / f"{table}.csv"
        quoted = str(path).replace("'", "''")
        count_row = engine.execute(
            f"copy (select {columns} from {engine_table}) to '{quoted}' (format csv, header false, nullstr 'NULL')"
        ).fetchone()
        yield GeneratedChunk(table, path, count_row[0] if count_row else 0)
        path.unlink()


def _create_table(
    engine: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
) -> None:
    """Create a DuckDB table from rows. They are passed as one list per column, because single inserts are slow."""
    engine.execute(f"create table {table} ({', '.join(columns)})")
    lists = [list(values) for values in zip(*rows, strict=True)]
    engine.execute(f"insert into {table} select {', '.join('unnest(?)' for _ in columns)}", lists)


def _orders_by_day(count: int, opening: date) -> list[tuple[date, int, int]]:
    """First and last order, counted from 0, of each day of the history; weighted by season, weekday and growth."""
    days = [opening - timedelta(days=HISTORY_DAYS - index) for index in range(HISTORY_DAYS)]
    weights = [
        _MONTH_WEIGHTS[day.month - 1] * (2 if day.weekday() > 4 else 5) * (1000 + index)
        for index, day in enumerate(days)
    ]
    total, reached, first = sum(weights), 0, 0
    order_ranges = []
    for index, (day, weight) in enumerate(zip(days, weights, strict=True)):
        reached += weight
        extra = max(0, index + 1 - (HISTORY_DAYS - OPEN_ORDER_DAYS))
        last = (count - OPEN_ORDER_DAYS) * reached // total + extra
        order_ranges.append((day, first, last))
        first = last
    return order_ranges


def _config(folder: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": "256MB",
        "threads": 2,
        "temp_directory": str(folder / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
