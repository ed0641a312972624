"""The one list of tables; assets, folders, dbt sources, checks and docs derive from it.

To add a table, declare it in the module of its database; to add a database, add a module and name it here.
"""

from refera_platform.errors import SettingError
from refera_platform.source.catalog import classicmodels
from refera_platform.source.table import SourceTable

TABLES: tuple[SourceTable, ...] = classicmodels.TABLES


def find(name: str) -> SourceTable:
    """The table called ``name`` or ``database.name``.

    Raises:
        SettingError: naming the tables that are declared.
    """
    found = [table for table in TABLES if name in {table.name, table.address}]
    if len(found) != 1:
        known = ", ".join(table.address for table in TABLES)
        raise SettingError(f"{name!r} is not one declared table:", f"choose from {known}.")
    return found[0]
