"""A small invented shop, three days of it as raw rows, for the dbt project to be built on.

Neither a lake nor a source is needed: dbt is handed a DuckDB file with the relations it would find there.

    SHOP ──lake()──▶ warehouse.duckdb ──dbt()──▶ Warehouse: what dbt said, and the tables
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from refera_platform.settings.stage import CHECKOUT_FOLDER
from refera_platform.source.collation import UNKNOWN_COLLATION
from refera_platform.warehouse.build.collations import define_folding_macro
from refera_platform.warehouse.build.inputs import SOURCE_GROUPS_COLUMNS
from refera_platform.warehouse.dbt_manifest import PARTIAL_PARSE_FILE, ensure_manifest, parse_project
from refera_platform.warehouse.dbt_project import TARGET_FOLDER
from refera_platform_tests.checkout import find_table

PROJECT = CHECKOUT_FOLDER / "dbt"
Row = dict[str, Any]
Day = dict[str, list[tuple[str, Row]]]

COLUMNS = {
    "offices": "officeCode varchar, city varchar, phone varchar, addressLine1 varchar, addressLine2 varchar,"
    " state varchar, country varchar, postalCode varchar, territory varchar",
    "employees": "employeeNumber integer, lastName varchar, firstName varchar, extension varchar, email varchar,"
    " officeCode varchar, reportsTo integer, jobTitle varchar",
    "customers": "customerNumber integer, customerName varchar, contactLastName varchar, contactFirstName varchar,"
    " phone varchar, addressLine1 varchar, addressLine2 varchar, city varchar, state varchar, postalCode varchar,"
    " country varchar, salesRepEmployeeNumber integer, creditLimit decimal(10, 2)",
    "orders": "orderNumber integer, orderDate date, requiredDate date, shippedDate date, status varchar,"
    " comments varchar, customerNumber integer",
    "orderdetails": "orderNumber integer, productCode varchar, quantityOrdered integer, priceEach decimal(10, 2),"
    " orderLineNumber smallint",
    "payments": "customerNumber integer, checkNumber varchar, paymentDate date, amount decimal(10, 2)",
    "productlines": "productLine varchar, textDescription varchar, htmlDescription varchar, image blob",
    "products": "productCode varchar, productName varchar, productLine varchar, productScale varchar,"
    " productVendor varchar, productDescription varchar, quantityInStock smallint, buyPrice decimal(10, 2),"
    " MSRP decimal(10, 2)",
}


def _row(**values: Any) -> Row:
    return values


def _order(number: int, customer: int, status: str = "Shipped", **dates: date) -> Row:
    return _row(orderNumber=number, customerNumber=customer, status=status, orderDate=date(2003, 1, 6)) | dates


def _line(order: int, product: str, quantity: int, price: str) -> Row:
    return _row(orderNumber=order, productCode=product, quantityOrdered=quantity, priceEach=Decimal(price))


def _product(code: str, line: str, quantity: int) -> Row:
    return _row(
        productCode=code, productName=f"{code} ", productLine=line, quantityInStock=quantity, buyPrice=Decimal("1.50")
    )


SHOP: Mapping[date, Day] = {
    date(2026, 11, 30): {
        "offices": [("r", _row(officeCode="1", city=" Paris ", country="France"))],
        "employees": [
            ("r", _row(employeeNumber=10, lastName="Top", officeCode="1")),
            ("r", _row(employeeNumber=11, lastName="Vice", officeCode="1", reportsTo=10)),
            ("r", _row(employeeNumber=12, lastName="Rep", officeCode="1", reportsTo=11)),
        ],
        "customers": [
            (
                "r",
                _row(
                    customerNumber=1,
                    customerName="A",
                    city="Auckland  ",
                    country="New Zealand",
                    salesRepEmployeeNumber=12,
                ),
            ),
            (
                "r",
                _row(
                    customerNumber=2,
                    customerName="B",
                    city="Auckland",
                    country="New Zealand",
                    salesRepEmployeeNumber=12,
                ),
            ),
            ("r", _row(customerNumber=3, customerName="C", city="Nantes", country="France", salesRepEmployeeNumber=12)),
        ],
        "productlines": [("r", _row(productLine="Ships")), ("r", _row(productLine="Planes"))],
        "products": [
            ("r", _product("P1", "Ships", 5)),
            ("r", _product("P2", "Planes", 8)),
            ("r", _product("P3", "Ships", 2)),
        ],
        "orders": [
            ("r", _order(100, 1, requiredDate=date(2003, 1, 13), shippedDate=date(2003, 1, 10))),
            ("r", _order(101, 2, "In Process", requiredDate=date(2003, 1, 13))),
            ("r", _order(102, 3, requiredDate=date(2003, 1, 13), shippedDate=date(2003, 2, 1))),
            ("r", _order(103, 1)),
            ("r", _order(104, 1)),
        ],
        "orderdetails": [
            ("r", _line(100, "P1", 2, "10.00")),
            ("r", _line(100, "P2", 1, "5.55")),
            ("r", _line(101, "P1", 1, "9.99")),
            ("r", _line(102, "P1", 3, "33.33")),
            ("r", _line(103, "P1", 1, "1.00")),
        ],
        "payments": [
            ("r", _row(customerNumber=1, checkNumber=check, paymentDate=date(2003, 3, 1), amount=Decimal(amount)))
            for check, amount in (("X", "0.01"), ("Y", "0.01"), ("Z", "0.00"))
        ],
    },
    date(2026, 12, 1): {
        "customers": [("u", _row(customerNumber=3, customerName="C", city="Nantes", country="France"))],
        "products": [("d", _product("P3", "Ships", 2)), ("u", _product("P1", "Ships", 4))],
        "orders": [("d", _order(103, 1))],
        "orderdetails": [("d", _line(103, "P1", 1, "1.00"))],
    },
    date(2026, 12, 2): {},
}

AWKWARD: Mapping[date, Day] = {
    **SHOP,
    date(2026, 12, 3): {
        "orders": [
            ("c", _order(200, 1, "Lost at sea", requiredDate=date(9999, 12, 31), shippedDate=date(1900, 1, 1))),
        ],
        "orderdetails": [("c", _line(999, "P9", 1, "7.00")), ("c", _line(200, "P1", -1, "7.00"))],
        "products": [("u", _product("P1", "Ships", -4))],
    },
}


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """A database file that dbt has built, and what dbt said."""

    database: Path
    manifest: Any
    status: Mapping[str, str]
    """Name of each node that ran -> dbt's word."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.database, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def not_green(self) -> set[str]:
        return {name for name, status in self.status.items() if status not in {"success", "pass", "no-op"}}


def parsed(folder: Path) -> Any:
    """Dbt's own manifest of the project, from the partial parse that the checkout keeps: seconds less than anew."""
    ensure_manifest()
    shutil.copy(TARGET_FOLDER / PARTIAL_PARSE_FILE, folder)
    return parse_project(folder)


def dbt(database: Path, *arguments: str, manifest: Any) -> Warehouse:
    """Run dbt in this process on a database file."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    folder = str(database.parent / "target")
    runner = dbtRunner(manifest=manifest)
    try:
        answer = runner.invoke(
            [
                *arguments,
                "--project-dir",
                str(PROJECT),
                "--profiles-dir",
                str(PROJECT),
                "--target-path",
                folder,
                "--log-path",
                folder,
                "--log-level",
                "none",
                "--log-level-file",
                "none",
                "--vars",
                f"{{database_file: {database}}}",
            ]
        )
    finally:
        DuckDBConnectionManager.close_all_connections()
    assert answer.exception is None, answer.exception
    status = {result.node.name: str(result.status) for result in answer.result}
    return Warehouse(database=database, manifest=manifest, status=status)


def lake(folder: Path, days: Mapping[date, Day], collation: str = UNKNOWN_COLLATION) -> Path:
    """A database file with the relations that the build is given; its stem is the one that was parsed."""
    database = folder / "warehouse.duckdb"
    with duckdb.connect(database) as connection:
        connection.execute("create schema classicmodels; create schema refera")
        for table, columns in COLUMNS.items():
            changes = "_op varchar, _changed_at timestamptz, _position varchar, day date"
            connection.execute(f"create table classicmodels.{table} ({columns}, {changes})")
            for name in re.findall(r"(\w+) varchar", columns):
                define_folding_macro(connection, find_table(table), name, collation)
        connection.execute(
            "create table refera.captured_days (database_name varchar, table_name varchar, day date,"
            " is_observed boolean, captured_at timestamptz, row_count bigint, is_new boolean, is_continued boolean, lake_rows bigint,"
            " source_rows bigint, source_money decimal(38, 6))"
        )
        connection.execute(f"create table refera.source_groups ({SOURCE_GROUPS_COLUMNS})")
        for day, tables in days.items():
            for table in COLUMNS:
                rows = tables.get(table, [])
                connection.execute(
                    "insert into refera.captured_days values ('classicmodels', ?, ?, true, now(), ?, true, false, null, null, null)",
                    [table, day, len(rows)],
                )
                for number, (op, row) in enumerate(rows):
                    at = datetime.combine(day, time(8), UTC) + timedelta(seconds=number)
                    whole = row | {
                        "_op": op,
                        "_changed_at": at,
                        "_position": f"{day}-{number:04}",
                        "day": day,
                    }
                    names, marks = ", ".join(f'"{name}"' for name in whole), ", ".join("?" * len(whole))
                    connection.execute(
                        f"insert into classicmodels.{table} ({names}) values ({marks})", list(whole.values())
                    )
    return database
