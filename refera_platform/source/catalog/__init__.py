"""Catalog: the one list of declared tables, from which assets, folders, dbt sources, checks and docs derive.

To add a table, declare it in the module of its database. To add a database, add a module and list it here.
"""

from refera_platform.errors import SettingError
from refera_platform.source.catalog import classicmodels
from refera_platform.source.table import SourceTable


def require_distinct_tables(tables: tuple[SourceTable, ...]) -> tuple[SourceTable, ...]:
    """Return the tables when no two of their addresses differ in case only.

    Raises:
        SettingError: naming the two.
    """
    table_by_address: dict[str, SourceTable] = {}
    for table in tables:
        other = table_by_address.setdefault(table.address.lower(), table)
        if other is not table:
            raise SettingError(f"{other.address} and {table.address} are declared twice:", "keep one of them.")
    return tables


def require_open_groupings(tables: tuple[SourceTable, ...]) -> tuple[SourceTable, ...]:
    """Return the tables when no grouping is by a private or hashed column.

    Raises:
        SettingError: naming the grouping and the column.
    """
    declared = {table.address: table for table in tables}
    for table in tables:
        for grouping in table.groupings:
            where = f"The grouping {grouping.name!r} of {table.address}"
            other = declared.get(f"{table.database}.{grouping.of or table.name}")
            if other is None:
                raise SettingError(f"{where} is by a column of {grouping.of}, which is not declared.")
            if grouping.column in other.private | other.hashed:
                raise SettingError(
                    f"{where} is by {grouping.of}.{grouping.column}, which is not copied:", "leave it out."
                )
    return tables


def find_table(name: str) -> SourceTable:
    """The table called ``name`` or ``database.name``.

    Raises:
        SettingError: naming the declared tables.
    """
    matches = [table for table in TABLES if name in {table.name, table.address}]
    if len(matches) != 1:
        addresses = ", ".join(table.address for table in TABLES)
        raise SettingError(f"{name!r} is not one declared table:", f"choose from {addresses}.")
    return matches[0]


TABLES: tuple[SourceTable, ...] = require_open_groupings(require_distinct_tables(classicmodels.TABLES))
