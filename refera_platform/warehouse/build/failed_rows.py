"""Writer of failing rows: stores the rows that a failed dbt test found, for people to look at.

build's database ──store_failed_rows()──▶ <warehouse>/_failures/<run>/<test>.parquet
"""

from collections.abc import Iterable

import duckdb

from refera_platform.duckdb_session.quoting import literal
from refera_platform.lake.lake import run_sql
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.publish.manifest import FAILED_ROWS_PREFIX

MAX_FAILED_ROWS = 10_000
"""Rows stored of one test."""


def store_failed_rows(
    context: BuildContext, connection: duckdb.DuckDBPyConnection, failed_nodes: Iterable[NodeResult]
) -> tuple[tuple[str, str], ...]:
    """Store the rows of each failed test.

    Returns:
        Pairs of test name and URL of its rows.
    """
    stored = []
    for node in failed_nodes:
        if not node.failures or not node.sql:
            continue  # a test that could not run found no rows
        path = context.folder / "failures.parquet"
        key = f"{FAILED_ROWS_PREFIX}{context.run_id}/{node.name}.parquet"
        run_sql(
            connection,
            f"copy (select * from ({node.sql}\n) limit {MAX_FAILED_ROWS}) to {literal(str(path))}"
            " (format parquet, compression zstd)",
        )
        context.root.put(key, path, replaces=None)
        path.unlink()
        stored.append((node.name, context.root.url(key)))
    return tuple(stored)
