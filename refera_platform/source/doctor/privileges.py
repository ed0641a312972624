"""Privileges of a source account: what it has, what it needs, and what it has beyond that.

SHOW GRANTS of either server ──▶ parse_grants() ──▶ Privileges ──▶ excess_privileges(), missing_privileges()
declared tables ──▶ required_grants() ──▶ GRANT statements
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from refera_platform.source.mysql.server import Ask
from refera_platform.source.table import SourceTable, Strategy
from refera_platform.source.types import backticked

QUOTED_NAME = r"(?:`(?:[^`]|``)*`|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\*)"
GRANT_PATTERN = re.compile(
    rf"GRANT (?P<what>.+?) ON (?:(?P<kind>TABLE|PROCEDURE|FUNCTION|PACKAGE(?: BODY)?|LIBRARY) )?"
    rf"(?P<schema>{QUOTED_NAME})(?:\.(?P<object>{QUOTED_NAME}))? TO .*",
    re.DOTALL,
)
PROXY_PATTERN = re.compile(r"GRANT PROXY ON .*", re.DOTALL)
PRIVILEGE_PATTERN = re.compile(
    rf"(?P<name>[A-Z][A-Z0-9_ ]*?)\s*(?P<columns>\((?:[^()`'\"]|{QUOTED_NAME})*\))?\s*(?:,|$)"
)
SELECT, STREAM_PRIVILEGE, STATUS_PRIVILEGES = (
    "SELECT",
    "REPLICATION SLAVE",
    frozenset({"BINLOG MONITOR", "REPLICATION CLIENT"}),
)
"""Reading a table; receiving the binlog; reading its position (the name since MariaDB 10.5, and before)."""
REFERENCES = "REFERENCES"
"""Seeing a table's definition, but none of its rows."""
ALL_PRIVILEGES = "ALL PRIVILEGES"
NO_PRIVILEGES = frozenset({"USAGE"})
ALL_OBJECTS = ("*", "*")
BINLOG_MONITOR_VERSION = (10, 5)
"""First version of MariaDB in which REPLICATION CLIENT is called BINLOG MONITOR."""


@dataclass(frozen=True, kw_only=True)
class Privilege:
    """One privilege on one object."""

    name: str
    """In capitals: ``SELECT``."""
    schema: str
    """``*`` for all; as in ``SHOW GRANTS``, a pattern when it has an unescaped ``_`` or ``%``."""
    object: str
    """A table or a routine; ``*`` for the whole schema."""
    is_column_level: bool = False
    is_routine_level: bool = False

    def __str__(self) -> str:
        schema = "*" if self.schema == "*" else backticked(self.schema)
        quoted_object = "*" if self.object == "*" else backticked(self.object)
        return f"{self.name}{' of some columns' if self.is_column_level else ''} on {schema}.{quoted_object}"

    def allows(self, name: str, schema: str, table: str) -> bool:
        """Whether it includes privilege ``name`` on a whole table (or on everything)."""
        if self.name not in {name, ALL_PRIVILEGES} or self.is_column_level or self.is_routine_level:
            return False
        if self.object == "*":
            return self.schema == "*" or (schema != "*" and _matches_schema(self.schema, schema))
        return (self.schema, self.object) == (schema, table)


def show_grants(ask: Ask, kind: str) -> list[str]:
    """The lines of SHOW GRANTS for the account and its active roles."""
    if kind == "mysql":
        role = str(ask("select current_role()")[0][0] or "NONE")
        if role.startswith("`"):
            return [str(row[0]) for row in ask(f"show grants for current_user() using {role}")]
    return [str(row[0]) for row in ask("show grants")]


def parse_grants(lines: Iterable[str]) -> list[Privilege]:
    """Parse the privileges of ``SHOW GRANTS``; role memberships, passwords and limits are skipped."""
    privileges: list[Privilege] = []
    for line in lines:
        if PROXY_PATTERN.match(line):
            privileges.append(Privilege(name="PROXY", schema="*", object="*"))
        elif match := GRANT_PATTERN.fullmatch(line):
            schema, table = _unquoted_name(match["schema"]), _unquoted_name(match["object"] or "*")
            for part in PRIVILEGE_PATTERN.finditer(match["what"]):
                if (name := part["name"].strip()) not in NO_PRIVILEGES:
                    privileges.append(
                        Privilege(
                            name=name,
                            schema=schema,
                            object=table,
                            is_column_level=bool(part["columns"]),
                            is_routine_level=bool(match["kind"]) and match["kind"] != "TABLE",
                        )
                    )
            if re.search(r" WITH (?:[A-Z_ ]* )?GRANT OPTION", line):
                privileges.append(Privilege(name="GRANT OPTION", schema=schema, object=table))
    return privileges


def required_grants(
    tables: Sequence[SourceTable], schema: str, kind: str, version: tuple[int, ...], account: str
) -> list[str]:
    """GRANT statements with exactly the privileges that an account needs to read ``tables``.

    Args:
        tables: Declared tables of one schema.
        schema: Name of the schema on the server.
        kind: ``mariadb`` or ``mysql``.
        version: Version of the server.
        account: As the server writes it: ```refera`@`10.0.0.%` ``.
    """
    grant_sql = [
        f"GRANT SELECT ON {backticked(schema)}.{backticked(table.name)} TO {account};"
        for table in sorted(tables, key=lambda table: table.name)
    ]
    if any(table.strategy is Strategy.LOG for table in tables):
        status = "BINLOG MONITOR" if kind == "mariadb" and version >= BINLOG_MONITOR_VERSION else "REPLICATION CLIENT"
        grant_sql.append(f"GRANT {STREAM_PRIVILEGE}, {status} ON *.* TO {account};")
    return grant_sql


def account_of(ask: Ask) -> str:
    """The session's account, as the server writes it, quoted."""
    user, _, host = str(ask("select current_user()")[0][0]).rpartition("@")
    return f"{backticked(user)}@{backticked(host)}"


def missing_privileges(privileges: Collection[Privilege]) -> list[str]:
    """Privileges that reading the binlog needs and the account lacks."""
    missing = [] if _has_privilege(privileges, {STREAM_PRIVILEGE}) else [STREAM_PRIVILEGE]
    return (
        missing if _has_privilege(privileges, STATUS_PRIVILEGES) else [*missing, "BINLOG MONITOR (REPLICATION CLIENT)"]
    )


def excess_privileges(
    privileges: Iterable[Privilege],
    tables: Sequence[SourceTable],
    schema: str,
    ancestors: Collection[tuple[str, str]] = (),
) -> list[Privilege]:
    """Privileges that the account has and does not need.

    Args:
        privileges: Privileges of the account.
        tables: Declared tables of one schema.
        schema: Name of the schema on the server.
        ancestors: Schema and name of tables whose foreign keys must be seen.
    """
    names = {table.name for table in tables}
    needs_binlog = any(table.strategy is Strategy.LOG for table in tables)
    return [
        privilege
        for privilege in privileges
        if not (
            (privilege.name == SELECT and privilege.schema == schema and privilege.object in names)
            or (privilege.name == REFERENCES and (privilege.schema, privilege.object) in ancestors)
            or (
                needs_binlog
                and privilege.name in {STREAM_PRIVILEGE, *STATUS_PRIVILEGES}
                and (privilege.schema, privilege.object) == ALL_OBJECTS
            )
        )
    ]


def _has_privilege(privileges: Iterable[Privilege], names: Collection[str]) -> bool:
    return any(privilege.allows(name, *ALL_OBJECTS) for privilege in privileges for name in names)


def _matches_schema(pattern: str, schema: str) -> bool:
    """Whether a schema matches the pattern of a grant, with ``%``, ``_`` and backslashes."""
    expression = re.sub(
        r"\\(.)|(%)|(_)|(.)",
        lambda part: ".*" if part[2] else "." if part[3] else re.escape(part[1] or part[4]),
        pattern,
        flags=re.DOTALL,
    )
    return re.fullmatch(expression, schema, re.DOTALL) is not None


def _unquoted_name(quoted_name: str) -> str:
    if quoted_name == "*":
        return quoted_name
    mark = quoted_name[0]
    return quoted_name[1:-1].replace(mark * 2, mark)
