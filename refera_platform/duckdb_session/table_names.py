"""Table names of an SQL statement, from DuckDB's own parser. Runs nothing and looks nothing up."""

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import duckdb

from refera_platform.duckdb_session.quoting import literal
from refera_platform.errors import QueryError


@lru_cache(maxsize=1024)
def read_table_names(sql: str) -> frozenset[str]:
    """Names of the tables that a SELECT reads, without those that it defines itself or names with a schema.

    Raises:
        QueryError: when DuckDB cannot parse it as one SELECT.
    """
    with _parser().cursor() as connection:
        row = connection.execute(f"select json_serialize_sql({literal(sql)})").fetchone()
    parsed = json.loads(row[0]) if row else {}
    if parsed.get("error") is not False:
        message = str(parsed.get("error_message") or "it is no SELECT")
        raise QueryError(f"Parser Error: {message.splitlines()[0]}", public_problem="The SQL is no SELECT.")
    if len(parsed["statements"]) != 1:
        raise QueryError(
            f"Parser Error: one SELECT was expected and {len(parsed['statements'])} were given",
            public_problem="The SQL is not one SELECT.",
        )
    names, defined = set(), set()
    for node in _iter_nodes(parsed):
        if node.get("type") == "BASE_TABLE" and not node.get("schema_name"):
            names.add(str(node["table_name"]))
        if isinstance(tables := node.get("cte_map"), dict):
            defined |= {str(entry["key"]) for entry in tables.get("map", ())}
    return frozenset(names - defined)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """An empty database, opened once: opening one takes longer than a hundred statements."""
    return duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": 1}
    )


def _iter_nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping of parsed SQL, in no order; a stack instead of recursion, because SQL may be nested deeply."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
