"""Log of all changes of a database, kept by triggers: table ``orders_changes`` has each change of a row of ``orders``.

Its columns are ``kind`` (insert, update, delete), and those of the table before (``old_…``) and after (``new_…``).
"""

from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.session import SampleSession


def start_change_log(session: SampleSession) -> None:
    """Create the tables and triggers in the database in use."""
    for table in TABLE_DEFINITIONS:
        columns = session.column(
            "select column_name from information_schema.columns where table_schema = database() and table_name = %s",
            table,
        )
        both = [f"{side}.{name} as {side}_{name}" for side in ("old", "new") for name in columns]
        session.run(f"""
            create table {table}_changes as select rpad('', 6, '') as kind, {", ".join(both)}
            from (select 1) as one left join {table} as old on false left join {table} as new on false where false""")
        for kind, sides in (("insert", ("new",)), ("update", ("old", "new")), ("delete", ("old",))):
            values = [f"{side}.{name}" if side in sides else "null" for side in ("old", "new") for name in columns]
            session.run(f"""
                create trigger {table}_{kind} after {kind} on {table} for each row
                insert into {table}_changes values ('{kind}', {", ".join(values)})""")


def forget_changes(session: SampleSession) -> None:
    """Empty the log."""
    for table in TABLE_DEFINITIONS:
        session.run(f"delete from {table}_changes")
