"""The rows that a red test found, kept where somebody can look at them.

build's database ──keep_failures()──▶ <warehouse>/_failures/<run>/<test>.parquet
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.quoting import literal
from refera_platform.lake.lake import run_sql
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.publish.publication import FAILED_ROWS_PREFIX

MAX_FAILED_ROWS = 10_000
"""Rows kept of one test."""


def store_failed_rows(
    root: ObjectRoot,
    connection: duckdb.DuckDBPyConnection,
    failed_nodes: Iterable[NodeResult],
    run_id: str,
    folder: Path,
) -> tuple[tuple[str, str], ...]:
    """Store the rows of each red test, and say where they are: pairs of test and address."""
    stored = []
    for node in failed_nodes:
        if not node.failures or not node.sql:
            continue  # it could not run, so it found nothing
        path, key = folder / "failures.parquet", f"{FAILED_ROWS_PREFIX}{run_id}/{node.name}.parquet"
        run_sql(
            connection,
            f"copy (select * from ({node.sql}\n) limit {MAX_FAILED_ROWS}) to {literal(str(path))}"
            " (format parquet, compression zstd)",
        )
        root.put(key, path, replaces=None)
        path.unlink()
        stored.append((node.name, root.url(key)))
    return tuple(stored)
