"""What dbt-duckdb loads to reach the lake: the S3 login goes to its connection by hand, never through a profile.

So no dbt artifact, profile or log can hold a secret. dbt imports this module by name (see ``project``).
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
        """Give a fresh connection the login of the store that is being served."""
        for store in _accessible_stores:
            create_store_secret(conn, store)
