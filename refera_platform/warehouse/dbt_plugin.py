"""dbt-duckdb plugin: gives S3 credentials to dbt's DuckDB connections directly, never through a profile.

So no dbt artifact, profile or log file can hold a secret. dbt imports this module by the name in the profile that
``build.dbt_run`` writes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from refera_platform.duckdb_session.secrets import create_store_secret
from refera_platform.settings.object_store import ObjectStore

_accessible_stores: list[ObjectStore] = []


@contextmanager
def grant_store_access(store: ObjectStore) -> Iterator[None]:
    """Let dbt connections opened inside the block read ``store``."""
    _accessible_stores.append(store)
    try:
        yield
    finally:
        _accessible_stores.remove(store)


class Plugin(BasePlugin):  # type: ignore[misc] # dbt-duckdb is untyped
    """The class that dbt-duckdb looks for in this module."""

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Give a new connection the credentials of the stores that are accessible now."""
        for store in _accessible_stores:
            create_store_secret(conn, store)
