"""Synthetic lake of ten years of business, written directly into the store: the warehouse is measured, not the source.

``baseline`` writes the first snapshot. ``day_of_changes`` writes one day of the change stream: new orders with their
lines and stock, shipped orders, payments, customers that move, prices, and one correction of a past month.
"""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal
from refera_platform.lake.lake import Lake
from refera_platform.lake.object_state import RawState
from refera_platform.lake.writer import LakeWriter
from refera_platform_tests.checkout import find_table

FIRST = date(2026, 9, 30)
"""Day of the first snapshot; ten years of orders end on it."""
YEARS_OF_DAYS = 3650
LINES_AN_ORDER = 9
CUSTOMERS, PRODUCTS, EMPLOYEES, OFFICES = 20_000, 1_000, 200, 7

_ORDERS = f"""
select 10000 + i as "orderNumber",
    date '{FIRST}' - cast((n - 1 - i) * {YEARS_OF_DAYS} // n as integer) as "orderDate",
    "orderDate" + 10 as "requiredDate",
    case when "orderDate" < date '{FIRST}' - 20 then "orderDate" + 4 end as "shippedDate",
    case when "shippedDate" is null then 'In Process' when i % 50 = 0 then 'Disputed' else 'Shipped' end as status,
    case when i % 5 = 0 then 'Remark ' || hash(i) % 1000 end as comments,
    cast(100 + hash(i, 'c') % {CUSTOMERS} as integer) as "customerNumber"
from (select range as i, {{orders}} as n from range({{first}}, {{last}}))
"""
_LINES = f"""
select 10000 + i as "orderNumber", 'S' || lpad(cast((hash(i, 'p') + line * 37) % {PRODUCTS} as varchar), 5, '0')
        as "productCode", cast(12 + hash(i, line) % 44 as integer) as "quantityOrdered",
    cast((1000 + hash(i, line, 'm') % 15000) / 100 as decimal(10, 2)) as "priceEach", cast(line + 1 as smallint)
        as "orderLineNumber"
from (select i, unnest(range({LINES_AN_ORDER})) as line from (select range as i from range({{first}}, {{last}})))
"""
_PAYMENTS = f"""
select cast(100 + hash(i, 'c') % {CUSTOMERS} as integer) as "customerNumber",
    'HQ' || (i * 7919 % 100000000) as "checkNumber",
    date '{FIRST}' - cast((n - 1 - i) * {YEARS_OF_DAYS} // n as integer) as "paymentDate",
    cast((10000 + hash(i, 'a') % 900000) / 100 as decimal(10, 2)) as amount
from (select range as i, {{payments}} as n from range({{payments}}))
"""
_CUSTOMERS = f"""
select cast(100 + i as integer) as "customerNumber", 'Customer ' || i as "customerName",
    'Last ' || i % 997 as "contactLastName",
    'First ' || i % 499 as "contactFirstName", '+00 ' || hash(i) % 1000000 as phone,
    i % 200 || ' Main Street' as "addressLine1",
    null::varchar as "addressLine2", 'City ' || i % 300 as city,
    case when i % 3 = 0 then 'State ' || i % 20 end as state,
    cast(10000 + i % 80000 as varchar) as "postalCode", 'Country ' || i % 40 as country,
    cast(1000 + {{rep}} % {EMPLOYEES} as integer) as "salesRepEmployeeNumber", cast(i * 10 % 100000 as decimal(10,
    2)) as "creditLimit"
"""
_EMPLOYEES = f"""
select cast(1000 + i as integer) as "employeeNumber", 'Last ' || i as "lastName", 'First ' || i as "firstName",
    'x' || i as extension,
    'e' || i || '@example.com' as email, cast(1 + i % {OFFICES} as varchar) as "officeCode",
    case when i > 0 then cast(1000 + i // 10 as integer) end as "reportsTo", 'Sales Rep' as "jobTitle"
from range({EMPLOYEES}) as numbers (i)
"""
_OFFICES = f"""
select cast(1 + i as varchar) as "officeCode", 'City ' || i as city, '+00' as phone, 'Street' as "addressLine1",
    null::varchar as "addressLine2", null::varchar as state, 'Country ' || i as country, '1' as "postalCode",
    'NA' as territory
from range({OFFICES}) as numbers (i)
"""
_PRODUCTS = """
select 'S' || lpad(cast(i as varchar), 5, '0') as "productCode", 'Product ' || i as "productName",
    'Line ' || i % 7 as "productLine",
    '1:' || 10 + i % 8 as "productScale", 'Vendor ' || i % 13 as "productVendor", repeat('text ' || i || ' ',
    10) as "productDescription",
    cast({stock} as smallint) as "quantityInStock", cast((1000 + {price}) / 100 as decimal(10, 2)) as "buyPrice",
    cast((2000 + i) / 100 as decimal(10, 2)) as "MSRP"
"""
_PRODUCT_LINES = """
select 'Line ' || i as "productLine", 'About line ' || i as "textDescription", null::varchar as "htmlDescription",
    null::blob as image
from range(7) as numbers (i)
"""


class BenchLake:
    """Writer of the days of the eight tables."""

    def __init__(self, lake: Lake, connection: duckdb.DuckDBPyConnection, folder: Path, lines: int) -> None:
        self._lake = lake
        self._connection = connection
        self._folder = folder
        self._orders = lines // LINES_AN_ORDER
        self._payments = self._orders * 4 // 5
        self._day = FIRST
        self._reached: dict[str, int] = {}

    def baseline(self) -> None:
        """The first snapshot of every table."""
        every = {"orders": self._orders, "first": 0, "last": self._orders, "payments": self._payments}
        self._write("orders", [("r", _ORDERS.format(**every))])
        self._write("orderdetails", [("r", _LINES.format(**every))])
        self._write("payments", [("r", _PAYMENTS.format(**every))])
        self._write("customers", [("r", f"{_CUSTOMERS.format(rep='i')} from range({CUSTOMERS}) as numbers (i)")])
        self._write("employees", [("r", _EMPLOYEES)])
        self._write("offices", [("r", _OFFICES)])
        self._write(
            "products",
            [("r", f"{_PRODUCTS.format(stock='5000', price='i')} from range({PRODUCTS}) as numbers (i)")],
        )
        self._write("productlines", [("r", _PRODUCT_LINES)])

    def day_of_changes(self) -> date:
        """About ten thousand changed rows of the next day."""
        self._day += timedelta(days=1)
        day, gone = f"date '{self._day}'", (self._day - FIRST).days
        first = self._orders + (gone - 1) * 450
        new = {"orders": 1, "first": first, "last": first + 450}
        lines = _LINES.format(**new)
        placed = f'select * replace ({day} as "orderDate", {day} + 10 as "requiredDate", null::date as "shippedDate",'
        taken = f"{placed} 'In Process' as status) from ({_ORDERS.format(**new)})"
        old = {"orders": self._orders, "first": self._orders - 45 * 300, "last": self._orders}
        shipped = (
            f"select * replace ('Shipped' as status, {day} as \"shippedDate\") from ({_ORDERS.format(**old)})"
            f' order by hash("orderNumber", {gone}) limit 900'
        )
        correction = {
            "orders": self._orders,
            "first": self._orders // 3 + gone,
            "last": self._orders // 3 + gone + 1,
        }
        corrected = f"select * replace ('Resolved' as status) from ({_ORDERS.format(**correction)})"
        self._write("orders", [("c", taken), ("u", shipped), ("u", corrected)])
        self._write("orderdetails", [("c", lines)])
        stock = _PRODUCTS.format(stock=f"5000 - {gone} * 10 - n % 9", price="i")
        sold = f"{stock} from (select n, n * 37 % {PRODUCTS} as i from range(4050) as numbers (n))"
        priced = _PRODUCTS.format(stock=4000 - gone, price=f"i + {gone}") + " from range(50) as numbers (i)"
        self._write("products", [("u", sold), ("u", priced)])
        paid = (
            f'select * replace (\'NEW\' || {gone} || \'-\' || "checkNumber" as "checkNumber", {day} as "paymentDate")'
            f" from ({_PAYMENTS.format(payments=400)})"
        )
        self._write("payments", [("c", paid)])
        moved = f"{_CUSTOMERS.format(rep=f'(i + {gone})')} from range({gone}, {CUSTOMERS}, 200) as numbers (i)"
        self._write("customers", [("u", moved)])
        for name in ("employees", "offices", "productlines"):
            self._write(name, [])
        return self._day

    def _write(self, name: str, parts: list[tuple[str, str]]) -> None:
        """One day's object of one table, as the ingest run would write it."""
        table, rows = find_table(name), []
        described = parts or [
            ("r", {"employees": _EMPLOYEES, "offices": _OFFICES, "productlines": _PRODUCT_LINES}[name])
        ]
        columns = {
            column: kind for column, kind, *_ in self._connection.execute(f"describe {described[0][1]}").fetchall()
        }
        counts: dict[str, int] = {}
        at = datetime.combine(self._day, time(12), UTC).isoformat()
        for number, (op, sql) in enumerate(parts):
            kept = ", ".join(f'cast("{column}" as {kind}) as "{column}"' for column, kind in columns.items())
            rows.append(
                f"select {kept}, {literal(op)} as _op, timestamptz {literal(at)} as _changed_at,"
                f" '{self._day:%Y%m%d}-000000-0000000001-{number:012}-1-'"
                " || lpad(cast(row_number() over () as varchar), 10, '0')"
                f" as _position from ({sql})"
            )
            count = self._connection.execute(f"select count(*) from ({sql})").fetchone()
            counts[op] = counts.get(op, 0) + (count[0] if count else 0)
        is_first = self._day == FIRST
        reached = self._reached.get(name, 0) + counts.get("r", 0) + counts.get("c", 0)
        self._reached[name] = reached
        place = f"binlog.000001:{4 + (self._day - FIRST).days}"
        before = f"binlog.000001:{4 + (self._day - FIRST).days - 1}"
        state = RawState(
            database=table.database,
            table=name,
            day=self._day,
            strategy="log",
            server="bench",
            schema="classicmodels",
            start_position="" if is_first else before,
            end_position=place,
            read_at=at,
            columns=columns,
            rows=counts,
            table_rows=reached,
            baseline=1 if is_first else 0,
            is_whole=is_first,
        )
        if not rows:
            nulls = ", ".join(f'cast(null as {kind}) as "{column}"' for column, kind in columns.items())
            rows = [f"select {nulls}, '' as _op, cast(null as timestamptz) as _changed_at, '' as _position where false"]
        writer = LakeWriter(lake=self._lake, connection=self._connection, folder=self._folder)
        writer.write_day(
            table,
            state,
            " union all ".join(f"({sql})" for sql in rows),
            existing=None,
            is_extension=False,
        )
