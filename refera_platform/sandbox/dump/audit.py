"""Audit of a loaded dump: checks the foreign keys of its business, and notes what of the dump is left out."""

from collections import defaultdict

from pymysql.cursors import Cursor

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.dump.expected_tables import SYSTEM_DATABASES, DumpedBusiness, backquoted

OBJECT_COUNT_QUERIES = {
    "view": "select count(*) from information_schema.views where table_schema = %s",
    "trigger": "select count(*) from information_schema.triggers where trigger_schema = %s",
    "routine": "select count(*) from information_schema.routines where routine_schema = %s",
    "event": "select count(*) from information_schema.events where event_schema = %s",
}


def audit_dump(cursor: Cursor, business: DumpedBusiness, dump: str) -> list[str]:
    """Check the rows against each other.

    Returns:
        Notes on what the dump holds and the source will not.

    Raises:
        LocalStackError: if there are no rows, or rows whose foreign keys refer to nothing.
    """
    notes = _find_left_out(cursor, business) + _check_foreign_keys(cursor, business, dump)
    database = backquoted(business.database)
    any_rows = " or ".join(
        f"exists (select 1 from {database}.{backquoted(table)})" for table in business.tables.values()
    )
    cursor.execute(f"select {any_rows}")
    if cursor.fetchone() != (1,):
        raise LocalStackError(
            f"{dump} holds the eight tables but not one row:",
            "dump without --no-data; the local source is unchanged.",
        )
    return notes


def _find_left_out(cursor: Cursor, business: DumpedBusiness) -> list[str]:
    notes = []
    for kind, query in OBJECT_COUNT_QUERIES.items():
        cursor.execute(query, (business.database,))
        count = (cursor.fetchone() or (0,))[0]
        if count:
            notes.append(f"{count} {kind}{'s' if count > 1 else ''} not carried over")
    cursor.execute(
        "select table_schema, table_name from information_schema.tables where table_type not in"
        " ('VIEW', 'SYSTEM VIEW') and table_schema not in %s order by table_schema, table_name",
        (SYSTEM_DATABASES,),
    )
    table_names = set(business.tables.values())
    for database, table in cursor.fetchall():
        if database != business.database or table not in table_names:
            notes.append(f"table {database}.{table} not carried over")
    return notes


def _check_foreign_keys(cursor: Cursor, business: DumpedBusiness, dump: str) -> list[str]:
    """Look for orphans of every declared foreign key; drop the keys that refer to other tables than the eight."""
    cursor.execute(
        "select constraint_name, table_name, referenced_table_schema, referenced_table_name, column_name,"
        " referenced_column_name from information_schema.key_column_usage where table_schema = %s"
        " and referenced_table_name is not null order by table_name, constraint_name, ordinal_position",
        (business.database,),
    )
    keys: dict[tuple[str, str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for name, table, database, parent, column, parent_column in cursor.fetchall():
        keys[name, table, database, parent].append((column, parent_column))
    notes, table_names = [], set(business.tables.values())
    for (name, table, database, parent), columns in keys.items():
        if table not in table_names:
            continue
        child = f"{backquoted(business.database)}.{backquoted(table)}"
        if database != business.database or parent not in table_names:
            cursor.execute(f"alter table {child} drop foreign key {backquoted(name)}")
            notes.append(f"foreign key {name} of {table} not carried over: it points at {database}.{parent}")
            continue
        is_parent = " and ".join(f"parent.{backquoted(theirs)} = child.{backquoted(own)}" for own, theirs in columns)
        is_set = " and ".join(f"child.{backquoted(own)} is not null" for own, _ in columns)
        cursor.execute(
            f"select count(*) from {child} child where {is_set} and not exists"
            f" (select 1 from {backquoted(database)}.{backquoted(parent)} parent where {is_parent})"
        )
        orphans = (cursor.fetchone() or (0,))[0]
        if orphans:
            raise LocalStackError(
                f"{dump} is incomplete: {orphans} rows of {table} point at {parent} that are not in it;",
                "make the dump again; the local source is unchanged.",
            )
    return notes
