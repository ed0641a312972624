"""Dagster's event log in SQLite, on connections that stay open.

Dagster opens an engine for each event, so SQLAlchemy compiles each statement again and SQLite reads its schema again:
of a day's 670 events that was a quarter of the whole run's time.

    dagster.yaml ──▶ EventLog ──▶ one SQLite file a run, and one of all runs
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen

MAX_OPEN_FILES = 8
"""Files kept open at most: that of all runs, and those of the runs asked for last."""


class EventLog(SqliteEventLogStorage):
    """The same tables and files as Dagster's own class, which may read and write them at the same time."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "EventLog":
        """What Dagster calls with the settings of ``dagster.yaml``."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _engine(self, shard: str) -> Engine:
        """The open file of a shard; the one that was not asked for longest is closed. Callers hold the lock."""
        engine = self._engines.pop(shard, None) or self._open_engine(shard)
        self._engines[shard] = engine
        if len(self._engines) > MAX_OPEN_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _open_engine(self, shard: str) -> Engine:
        engine = create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})
        # with its write-ahead log a killed process loses nothing all the same; after a power cut the last events may be
        # missing, and the file is sound. Otherwise each of them waits for the disk.
        listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous = normal"))
        return engine

    def wipe(self) -> None:
        """Forget every event; files that are open would outlive their removal."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close every file."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
