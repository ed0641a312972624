"""Storage of Dagster's event log in SQLite, with connections that stay open.

Dagster opens an SQLAlchemy engine for each event: each statement is compiled again, and SQLite reads its schema again.
For a day's 670 events that was a quarter of the run's time.

    dagster.yaml ──▶ EventLog ──▶ one SQLite file for each run, and one index file of all runs
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.event import listen

from refera_platform.orchestration.dagster_internals import SqliteEventLogStorage

MAX_OPEN_FILES = 8
"""Maximum of open files: the index of all runs, and the files of the most recently used runs."""
BUSY_TIMEOUT_SECONDS = 30
"""Seconds that a statement waits for another process's lock on its file."""


class EventLog(SqliteEventLogStorage):
    """Event log storage with the tables and files of Dagster's own class, which may use them at the same time."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "EventLog":
        """Construct the storage from ``dagster.yaml``; Dagster calls this."""
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
        """Open engine of a shard; closes the least recently used one. Callers hold the lock."""
        engine = self._engines.pop(shard, None) or self._open_engine(shard)
        self._engines[shard] = engine
        if len(self._engines) > MAX_OPEN_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def _open_engine(self, shard: str) -> Engine:
        engine = create_engine(self.conn_string_for_shard(shard), connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
        # In WAL mode a killed process loses nothing. After a power cut the last events may be missing, and the file is
        # consistent. With ``synchronous = full`` each event waits for the disk.
        listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous = normal"))
        return engine

    def wipe(self) -> None:
        """Delete all events; open files would survive their removal, so they are closed first."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close all files."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
