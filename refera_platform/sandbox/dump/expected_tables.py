"""What a dump must hold to be the classicmodels business: eight tables, and the columns that are read.

Further columns come along; further tables, views, triggers and routines do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pymysql.cursors import Cursor

from refera_platform.errors import LocalStackError

TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "customers": (
            "customerNumber",
            "customerName",
            "contactLastName",
            "contactFirstName",
            "phone",
            "addressLine1",
            "addressLine2",
            "city",
            "state",
            "postalCode",
            "country",
            "salesRepEmployeeNumber",
            "creditLimit",
        ),
        "employees": (
            "employeeNumber",
            "lastName",
            "firstName",
            "extension",
            "email",
            "officeCode",
            "reportsTo",
            "jobTitle",
        ),
        "offices": (
            "officeCode",
            "city",
            "phone",
            "addressLine1",
            "addressLine2",
            "state",
            "country",
            "postalCode",
            "territory",
        ),
        "orderdetails": ("orderNumber", "productCode", "quantityOrdered", "priceEach", "orderLineNumber"),
        "orders": (
            "orderNumber",
            "orderDate",
            "requiredDate",
            "shippedDate",
            "status",
            "comments",
            "customerNumber",
        ),
        "payments": ("customerNumber", "checkNumber", "paymentDate", "amount"),
        "productlines": ("productLine", "textDescription", "htmlDescription", "image"),
        "products": (
            "productCode",
            "productName",
            "productLine",
            "productScale",
            "productVendor",
            "productDescription",
            "quantityInStock",
            "buyPrice",
            "MSRP",
        ),
    }
)
SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
TOLD = 4
"""How many missing things an error names."""


@dataclass(frozen=True, kw_only=True)
class Business:
    """The database of a dump that is the classicmodels business."""

    database: str
    tables: Mapping[str, str]
    """Our names of the eight tables, and how the dump spells them."""


def find(cursor: Cursor, dump: str) -> Business:
    """The one database that has the eight tables.

    Raises:
        LocalStackError: if there is none, with what the nearest one lacks; or if there are several.
    """
    databases = _databases(cursor)
    lacking = {name: _lacking(tables) for name, tables in databases.items()}
    complete = sorted(name for name, missing in lacking.items() if not missing)
    if len(complete) > 1:
        raise LocalStackError(
            f"{dump} holds the classicmodels tables several times, in {' and '.join(complete)}:",
            "dump one of these databases; what was there is unchanged.",
        )
    if not complete:
        nearest = min(lacking, key=lambda name: len(lacking[name]), default="")
        missing = lacking.get(nearest) or [f"table {name}" for name in TABLES]
        more = f" and {len(missing) - TOLD} more" if len(missing) > TOLD else ""
        raise LocalStackError(
            f"{dump} does not hold the whole classicmodels business: {', '.join(missing[:TOLD])}{more}"
            f" {'are' if len(missing) > 1 else 'is'} missing;",
            "what was there is unchanged. Dump all eight tables: mysqldump classicmodels > file.sql.",
        )
    found = complete[0]
    spelled = {name.lower(): name for name in databases[found]}
    return Business(database=found, tables={name: spelled[name] for name in TABLES})


def quoted(name: str) -> str:
    """An identifier in back quotes, whatever it contains."""
    return "`" + name.replace("`", "``") + "`"


def _databases(cursor: Cursor) -> dict[str, dict[str, set[str]]]:
    """Every database of the server but its own: tables, and their columns in lower case."""
    cursor.execute(
        "select t.table_schema, t.table_name, lower(c.column_name)"
        " from information_schema.tables t join information_schema.columns c"
        " on c.table_schema = t.table_schema and c.table_name = t.table_name"
        " where t.table_type not in ('VIEW', 'SYSTEM VIEW') and t.table_schema not in %s",
        (SYSTEM,),
    )
    databases: dict[str, dict[str, set[str]]] = {}
    for database, table, column in cursor.fetchall():
        databases.setdefault(database, {}).setdefault(table, set()).add(column)
    return databases


def _lacking(tables: Mapping[str, set[str]]) -> list[str]:
    """The tables and columns that are not there, in words."""
    columns = {name.lower(): found for name, found in tables.items()}
    missing = [f"table {name}" for name in TABLES if name not in columns]
    for name, needed in TABLES.items():
        missing += [
            f"column {name}.{column}" for column in needed if column.lower() not in columns.get(name, {column.lower()})
        ]
    return missing
