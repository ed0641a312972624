"""DuckDB session of a stage: in memory, bounded, offline, in UTC, and able to read the stage's buckets.

Stage ──▶ open_duckdb_session() ──▶ duckdb connection (extensions linked, S3 secret made, memory bounded)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from refera_platform.duckdb_session.extensions import extension_directory, require_signed
from refera_platform.duckdb_session.secrets import create_store_secret
from refera_platform.settings.stage import Stage


def duckdb_options(stage: Stage) -> dict[str, str | bool | int | float | list[str]]:
    """Options that every DuckDB connection of a stage is opened with."""
    return {
        "extension_directory": str(extension_directory(stage.home)),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": stage.memory_limit,
    }


@contextmanager
def open_duckdb_session(
    stage: Stage, folder: Path, *, s3: bool = True, is_caching: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory DuckDB that spills into ``folder`` and can read the stage's buckets.

    Args:
        stage: Gives the store and the memory limit.
        folder: Local folder of the session.
        s3: Whether the session reads buckets.
        is_caching: Whether DuckDB may cache file contents. Only for sessions that write no file: when a file is
            replaced within a second, the cache sometimes returns the old one (DuckDB 1.5.5, 3 times in 4,000).

    Raises:
        SettingError: when the extension or the credentials are refused.
    """
    options = {"temp_directory": str(folder / "spill"), "enable_external_file_cache": str(is_caching).lower()}
    if s3:
        require_signed(extension_directory(stage.home))
        options["allow_unsigned_extensions"] = "true"  # until the verified one is loaded
    connection = duckdb.connect(config={**duckdb_options(stage), **options})
    try:
        connection.execute("set TimeZone = 'UTC'")
        if s3:
            connection.execute("load httpfs; set allow_unsigned_extensions = false")
            create_store_secret(connection, stage.store)
        yield connection
    finally:
        connection.close()
