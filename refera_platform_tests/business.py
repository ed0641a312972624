"""A business small enough to know by heart: what the tests read, change and expect."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pymysql

from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS, TABLE_OPTIONS
from refera_platform.sandbox.business.session import SampleAdmin

TODAY = date(2026, 3, 10)
"""The day on which most tests happen; its evening is what their clock shows."""
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "offices": [
        ("1", "Porto", "+351 1", "Rua A 1", None, None, "Portugal", "4000", "EMEA"),
        ("2", "Recife ", "+55 2", "Rua B 2", "", "PE", "Brasil", "50000", "LATAM"),
    ],
    "employees": [
        (1, "Mello", "Ana", "x1", "ana@example.com", "1", None, "President"),
        (2, "Costa", "Bia", "x2", "bia@example.com", "1", 1, "VP Sales"),
        (3, "Dias", "Caio", "x3", "caio@example.com", "2", 2, "Sales Manager"),
        (4, "Évora", "Duda", "x4", "duda@example.com", "2", 3, "Sales Rep"),
        (5, "Faria", "Eva", "x5", "eva@example.com", "1", 2, "Sales Rep"),
    ],
    "customers": [
        (10, "Acme", "One", "A", "1", "a", None, "Auckland  ", None, None, "New Zealand", 4, "1000.00"),
        (11, "Bell", "Two", "B", "2", "b", "", "Auckland", None, None, "New Zealand ", 4, "0.00"),
        (12, "Cá'nt", "Three", "C", "3", "c", None, "Lyon", "", None, "France", 5, None),
        (13, "No rep", "Four", "D", "4", "d", None, "Oslo", None, None, "Norway", None, "50.00"),
    ],
    "productlines": [("Boats", "text\r\nof two lines", None, b"\x00\xff"), ("Cars", None, None, None)],
    "products": [
        ("P1", "Boat", "Boats", "1:10", "V", "é", 100, "10.00", "20.00"),
        ("P2", "Car", "Cars", "1:18", "V", "c", 0, "5.50", "9.99"),
        ("P3", "Never sold", "Cars", "1:18", "W", "n", 7, "1.00", "2.00"),
    ],
    "orders": [
        (100, "2026-01-05", "2026-01-15", "2026-01-10", "Shipped", None, 10),
        (102, "2026-01-20", "2026-01-25", "2026-01-28", "Shipped", "late\r\né", 11),
        (103, "2026-02-01", "2026-02-10", None, "In Process", "", 12),
        (104, "2026-02-02", "2026-02-12", None, "On Hold", None, 13),
    ],
    "orderdetails": [
        (100, "P1", 2, "19.99", 1),
        (100, "P2", 1, "9.00", 2),
        (102, "P1", 3, "20.00", 1),
        (103, "P2", 10, "8.50", 1),
        (104, "P2", 4, "9.99", 1),
    ],
    "payments": [
        (10, "C1", "2026-01-11", "48.98"),
        (11, "C2", "2026-02-01", "60.00"),
        (11, "C3", "2026-02-01", "0.01"),
    ],
}
"""Rows by table, in an order in which each refers only to what is there already."""


class Shop:
    """The owner's hand in the source."""

    def __init__(self, connection: "pymysql.connections.Connection[Any]") -> None:
        self._connection = connection

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement, committed at once; says how many rows it touched."""
        with self._connection.cursor() as cursor:
            return cursor.execute(sql, values or None)

    def at(self, day: date, hour: int = 12) -> None:
        """What follows happens on that day, as the log tells it."""
        self.run(f"set timestamp = {datetime(day.year, day.month, day.day, hour, tzinfo=UTC).timestamp()}")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of an answer."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


@contextmanager
def open_shop(home: Path) -> Iterator[Shop]:
    """Put the business into the source of a local stack, in place of what was there."""
    admin = SampleAdmin.from_home(home)
    with closing(
        pymysql.connect(
            host=admin.host,
            port=admin.port,
            user=admin.user,
            password=admin.password,
            database=admin.database,
            charset="utf8mb4",
            autocommit=True,
            ssl_disabled=True,
            init_command="set session sql_mode = ''",
        )
    ) as connection:
        shop = Shop(connection)
        shop.run("set session lock_wait_timeout = 20")
        for _, length, _, name in shop.ask("xa recover"):  # what a failed test left prepared holds its tables
            shop.run(f"xa rollback '{name[:length]}', '{name[length:]}'")
        shop.run("set foreign_key_checks = 0")
        for (name,) in shop.ask("select table_name from information_schema.tables where table_schema = database()"):
            shop.run(f"drop table `{name}`")
        shop.run("set foreign_key_checks = 1")
        for name, definition in TABLE_DEFINITIONS.items():
            shop.run(f"create table {name} ({definition}) {TABLE_OPTIONS}")
        for name, rows in ROWS.items():
            for row in rows:
                shop.run(f"insert into {name} values ({', '.join(['%s'] * len(row))})", row)
        shop.at(TODAY)
        yield shop
