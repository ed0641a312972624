"""Expected tables of a dump: the eight tables of classicmodels and the columns that are read.

Other columns are loaded too. Other tables, views, triggers and routines are not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pymysql.cursors import Cursor

from refera_platform.errors import LocalStackError

EXPECTED_TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
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
SYSTEM_DATABASES = ("information_schema", "mysql", "performance_schema", "sys")
MAX_MISSING_NAMES = 4
"""How many missing names an error lists."""


@dataclass(frozen=True, kw_only=True)
class DumpedBusiness:
    """The database of a dump that is the classicmodels business."""

    database: str
    tables: Mapping[str, str]
    """Our name of each of the eight tables -> its spelling in the dump."""


def find_business(cursor: Cursor, dump: str) -> DumpedBusiness:
    """The one database that has the eight tables.

    Raises:
        LocalStackError: if there is none, with what the nearest one lacks; or if there are several.
    """
    databases = _databases(cursor)
    missing_by_database = {name: _missing_names(tables) for name, tables in databases.items()}
    complete = sorted(name for name, missing in missing_by_database.items() if not missing)
    if len(complete) > 1:
        raise LocalStackError(
            f"{dump} holds the classicmodels tables several times, in {' and '.join(complete)}:",
            "dump one of these databases; the local source is unchanged.",
        )
    if not complete:
        nearest = min(missing_by_database, key=lambda name: len(missing_by_database[name]), default="")
        missing = missing_by_database.get(nearest) or [f"table {name}" for name in EXPECTED_TABLES]
        more = f" and {len(missing) - MAX_MISSING_NAMES} more" if len(missing) > MAX_MISSING_NAMES else ""
        raise LocalStackError(
            f"{dump} does not hold the whole classicmodels business: {', '.join(missing[:MAX_MISSING_NAMES])}{more}"
            f" {'are' if len(missing) > 1 else 'is'} missing;",
            "the local source is unchanged. Dump all eight tables: mysqldump classicmodels > file.sql.",
        )
    database = complete[0]
    spelling = {name.lower(): name for name in databases[database]}
    return DumpedBusiness(database=database, tables={name: spelling[name] for name in EXPECTED_TABLES})


def backquoted(name: str) -> str:
    """An identifier in back quotes, whatever it contains."""
    return "`" + name.replace("`", "``") + "`"


def _databases(cursor: Cursor) -> dict[str, dict[str, set[str]]]:
    """Every database of the server but its own: tables, and their columns in lower case."""
    cursor.execute(
        "select t.table_schema, t.table_name, lower(c.column_name)"
        " from information_schema.tables t join information_schema.columns c"
        " on c.table_schema = t.table_schema and c.table_name = t.table_name"
        " where t.table_type not in ('VIEW', 'SYSTEM VIEW') and t.table_schema not in %s",
        (SYSTEM_DATABASES,),
    )
    databases: dict[str, dict[str, set[str]]] = {}
    for database, table, column in cursor.fetchall():
        databases.setdefault(database, {}).setdefault(table, set()).add(column)
    return databases


def _missing_names(tables: Mapping[str, set[str]]) -> list[str]:
    """The tables and columns that are missing."""
    columns = {name.lower(): column_names for name, column_names in tables.items()}
    missing = [f"table {name}" for name in EXPECTED_TABLES if name not in columns]
    for name, needed in EXPECTED_TABLES.items():
        missing += [
            f"column {name}.{column}" for column in needed if column.lower() not in columns.get(name, {column.lower()})
        ]
    return missing
