"""Generator of the sample source: an invented business, in the eight tables of classicmodels.

``create_sample`` drops and recreates the tables and fills them with two years of history that end the day before
``opening``; ``simulate`` adds the days that follow. The same seed and scale give the same rows.

    identity, line ──▶ offices … products;   calendar ──▶ new_order, a chunk at a time ──▶ orders … payments
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import sqrt

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business import orders, people, products
from refera_platform.sandbox.business.chance import numbered_table, skewed, slot, throw
from refera_platform.sandbox.business.schema import DATABASE_OPTIONS, TABLE_DEFINITIONS, TABLE_OPTIONS
from refera_platform.sandbox.business.session import SampleAdmin, SampleSession

MAX_SCALE = 10_000
HISTORY_DAYS = 730
ORDERS_AT_SCALE_1 = 326
ROWS_PER_ORDER = 11
"""An estimate, for progress only."""
CHUNK_ROWS = 5_000
"""Orders, or customers, of one statement: the server sorts the lines of so many orders in memory."""
OPEN_ORDER_DAYS = 12
"""Each of these last days has an open order, so that the first simulated day finds some at any scale."""

_CALENDAR_SQL = f"""
create or replace temporary table calendar (day date primary key, first int, next int) as
with past as (select seq, @opening - interval {HISTORY_DAYS} - seq day as day from seq_0_to_{HISTORY_DAYS - 1}),
weighted as (
    select seq, day, elt(month(day), 82, 74, 90, 92, 98, 90, 84, 88, 102, 116, 158, 140)
        * if(weekday(day) > 4, 2, 5) * (1000 + seq) as weight
    from past
),
summed as (
    select seq, day, greatest(0, seq + 1 - {HISTORY_DAYS - OPEN_ORDER_DAYS}) + floor(
        (@orders - {OPEN_ORDER_DAYS}) * sum(weight) over (order by seq) / sum(weight) over ()) as next
    from weighted
)
select day, coalesce(lag(next) over (order by seq), 0) as first, next from summed"""
"""First order, counted from 0, of each day and of the next one: by season (most models are gifts), weekday, growth."""
_NEW_ORDERS_SQL = f"""
create or replace temporary table new_order (primary key (orderNumber)) as
with dated as (
    select
        seq as number, day, seq = next - 1 and datediff(@opening, day) <= {OPEN_ORDER_DAYS} as is_open,
        {slot("fate", "seq", 50)} as fate,
        day + interval 7 + {throw("lead", "seq")} % 14 day as requiredDate,
        if(seq < @buyers, seq, {skewed("buyer", "seq", "@buyers")}) as buyer
    from calendar straight_join seq_{{start}}_to_{{last}} on seq >= first and seq < next
),
planned as (
    select
        *,
        if(fate in (6, 7, 8), requiredDate + interval 1 + {throw("late", "number")} % 20 day,
            day + interval 1 + {throw("ship", "number")} % 6 day) as leaves_on,
        case
            when is_open then if(datediff(@opening, day) % 4 = 1, 'On Hold', 'In Process')
            else coalesce(
                elt(fate + 1, 'Cancelled', 'On Hold', 'Disputed', 'Resolved', 'In Process', 'Cancelled'), 'Shipped')
        end as fated
    from dated
)
select
    10100 + number + number div 7 as orderNumber, day as orderDate, requiredDate,
    if((fated in ('Shipped', 'Disputed', 'Resolved') or (fate = 5 and not is_open)) and leaves_on < @opening,
        leaves_on, null) as shippedDate,
    if(fated in ('Shipped', 'Disputed', 'Resolved') and leaves_on >= @opening, 'In Process', fated) as status,
    comments, customerNumber, 1 + {throw("lines", "number")} % 19 as line_count, 0 as batch,
    if(fate in (9, 10), 2, {slot("unpaid", "number", 25)} > 0) as checks
from planned
join buyer on buyer.i = planned.buyer
left join remark on remark.i = {slot("remark", "number", 45)}"""
_DUE_SQL = f"""
create or replace temporary table due (primary key (orderNumber)) as
select orderNumber, checks, shippedDate + interval 3 + {throw("pay", "orderNumber")} % 40 day as paid_on
from new_order where status in ('Shipped', 'Resolved') and checks > 0 having paid_on < @opening"""


@dataclass(frozen=True)
class SampleProgress:
    """A part of the sample that was written: its table, rows so far in all tables, and about how many there will be."""

    table: str
    done: int
    total: int


def create_sample(admin: SampleAdmin, *, seed: int, scale: float, opening: date) -> Iterator[SampleProgress]:
    """Drop and recreate the eight tables, filled with history that ends the day before ``opening``.

    Only the dates by which orders are required may be later. Scale 1 is about the size of the public sample (326
    orders); below 0.3 nothing gets smaller. The sample is complete when the iterator is at its end.
    """
    require_scale(scale)
    sizes = _sizes(scale)
    done, total = 0, sizes["orders"] * ROWS_PER_ORDER + sizes["customers"] + sizes["products"]
    instant = datetime.combine(opening, time(), UTC) - timedelta(hours=6)
    with admin.session() as session, session.exclusive(admin.database):
        session.set_clock(instant)
        _recreate_tables(session, admin.database)
        session.set_variables(seed=str(seed), opening=opening, batch=0, **sizes)
        people.fill_identities(session, str(seed), sizes["customers"])
        orders.fill_comments(session)
        for seconds, (table, statement) in enumerate(_statements(session, sizes), start=1):
            session.set_clock(instant + timedelta(seconds=seconds))
            done += session.run(statement)
            yield SampleProgress(table, done, max(done, total))


def require_scale(scale: float) -> None:
    """Refuse a scale out of bounds, and name them."""
    if not 0 < scale <= MAX_SCALE:
        raise LocalStackError(
            f"A sample of scale {scale} cannot be made:", f"choose a scale above 0 and up to {MAX_SCALE}."
        )


def _sizes(scale: float) -> dict[str, int]:
    """How many rows there are of a kind; sales grow faster than products and staff."""
    reps = max(8, round(17 * sqrt(scale)))
    return {
        "orders": max(98, round(ORDERS_AT_SCALE_1 * scale)),
        "customers": max(36, round(122 * scale)),
        "products": max(60, round(110 * sqrt(scale))),
        "reps": reps,
        "managers": max(3, round(reps / 6)),
    }


def _recreate_tables(session: SampleSession, database: str) -> None:
    """Recreate all tables empty. Parents may be dropped before children because foreign key checks are off."""
    session.run(f"create database if not exists `{database}` {DATABASE_OPTIONS}")
    session.use(database)
    session.run("set foreign_key_checks = 0, unique_checks = 0")
    for table, body in TABLE_DEFINITIONS.items():
        session.run(f"drop table if exists {table}")
        session.run(f"create table {table} ({body}) {TABLE_OPTIONS}")


def _statements(session: SampleSession, sizes: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Table and statement of each insert; the temporary tables that it reads are filled before."""
    yield "offices", people.OFFICES_SQL
    yield "employees", people.EMPLOYEES_SQL.format(last=2 + sizes["managers"] + sizes["reps"])
    for start, last in _chunks(sizes["customers"]):
        session.run(people.FIRST_CUSTOMERS_SQL.format(start=start, last=last))
        yield "customers", people.CUSTOMERS_SQL
    session.run(products.LINE_TABLE_SQL)
    session.insert("line", products.LINES)
    yield "productlines", products.PRODUCT_LINES_SQL
    yield "products", products.PRODUCTS_SQL.format(last=sizes["products"] - 1)
    # every sixth customer has never ordered anything, and the last products of the list were never sold
    session.run(numbered_table("buyer", "customerNumber", people.BUYERS_SQL))
    sold = products.SOLD_SQL.format(count=sizes["products"] * 19 // 20)
    session.run(numbered_table("catalogue", "productCode", sold))
    session.run("set @buyers = (select count(*) from buyer), @goods = (select count(*) from catalogue)")
    session.run(_CALENDAR_SQL)
    for start, last in _chunks(sizes["orders"]):
        session.run(_NEW_ORDERS_SQL.format(start=start, last=last))
        yield "orders", orders.ORDERS_SQL
        yield "orderdetails", orders.ORDER_LINES_SQL
        session.run(_DUE_SQL)
        yield "payments", orders.PAYMENTS_SQL


def _chunks(count: int) -> Iterator[tuple[int, int]]:
    """First and last number of each chunk, counted from 0."""
    for start in range(0, count, CHUNK_ROWS):
        yield start, min(start + CHUNK_ROWS, count) - 1
