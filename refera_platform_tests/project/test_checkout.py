"""The project of this checkout declares what it always did, and a compiled project says the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from refera_platform.errors import SettingError
from refera_platform.project.compiled import COMPILED_FILE, read_compiled_tables, write_compiled_tables
from refera_platform.source.table import Grouping, SourceTable, Strategy
from refera_platform_tests.checkout import checkout_project, declared_tables, find_table

pytestmark = pytest.mark.unit

ORDER = ("orderNumber", "orderNumber")


def test_the_retailer_has_eight_tables_children_before_their_parents() -> None:
    assert [(table.address, table.key, table.amount) for table in declared_tables()] == [
        ("classicmodels.orderdetails", ("orderNumber", "productCode"), ("quantityOrdered", "priceEach")),
        ("classicmodels.payments", ("customerNumber", "checkNumber"), ("amount",)),
        ("classicmodels.orders", ("orderNumber",), ()),
        ("classicmodels.customers", ("customerNumber",), ("creditLimit",)),
        ("classicmodels.employees", ("employeeNumber",), ()),
        ("classicmodels.offices", ("officeCode",), ()),
        ("classicmodels.products", ("productCode",), ("quantityInStock", "buyPrice")),
        ("classicmodels.productlines", ("productLine",), ()),
    ]
    assert {table.strategy for table in declared_tables()} == {Strategy.LOG}
    assert checkout_project().databases == ("classicmodels",)


def test_lines_are_grouped_by_what_their_order_says() -> None:
    assert find_table("orderdetails") == SourceTable(
        database="classicmodels",
        name="orderdetails",
        key=("orderNumber", "productCode"),
        amount=("quantityOrdered", "priceEach"),
        groupings=(
            Grouping(name="product", column="productCode"),
            Grouping(name="status", column="status", of="orders", on=ORDER),
            Grouping(name="customer", column="customerNumber", of="orders", on=ORDER),
            Grouping(name="month", column="orderDate", of="orders", on=ORDER, is_month=True),
        ),
        about="The lines of each order: product, quantity and the price agreed.",
    )


def test_a_compiled_project_says_the_same_in_the_same_bytes(tmp_path) -> None:
    orders, lines = find_table("orders"), find_table("orderdetails")
    tables = (
        *declared_tables(),
        replace(orders, name="é", private=frozenset("cba"), hashed=frozenset("zyx"), owner="a@b.c", is_previewed=False),
        replace(lines, name="moves", strategy=Strategy.CURSOR, cursor="at", overlap=timedelta(minutes=90)),
        replace(lines, name="events", strategy=Strategy.CURSOR, cursor="id", overlap=7, due=timedelta(days=2)),
    )
    written = write_compiled_tables(tmp_path, tables).read_bytes()
    assert read_compiled_tables(tmp_path) == tables
    assert write_compiled_tables(tmp_path, read_compiled_tables(tmp_path)).read_bytes() == written
    assert b'"a",\n    "b",\n    "c"' in written


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, "cannot be read \\(No such file or directory\\): make the package anew"),
        ("{", "is no compiled project"),
        ("[]", "is no compiled project"),
        ('{"tables": [], "other": 1}', "is no compiled project .unknown keys: other"),
        ('{"tables": [{"database": "d"}]}', "is no compiled project"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, text: str | None, error: str) -> None:
    if text is not None:
        (tmp_path / COMPILED_FILE).write_text(text)
    with pytest.raises(SettingError, match=error):
        read_compiled_tables(tmp_path)
