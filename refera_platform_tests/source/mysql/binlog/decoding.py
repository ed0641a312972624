"""Rows of the log as DuckDB sees them, beside the same table read whole."""

from contextlib import contextmanager
from dataclasses import replace

import duckdb

from refera_platform.source import arrow
from refera_platform.source.mysql.binlog import events
from refera_platform.source.mysql.binlog.charsets import Charsets
from refera_platform.source.mysql.binlog.dump_connection import dump_binlog
from refera_platform.source.mysql.binlog.row_decoder import build_row_decoder
from refera_platform.source.mysql.binlog.stream_event import RowsEvent
from refera_platform.source.mysql.binlog.table_map import read_table_map
from refera_platform.source.mysql.snapshot import read_source_table
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.table import SourceTable
from refera_platform_tests.local_stack import source_of
from refera_platform_tests.source.mysql.binlog.reading import end_of_log

TABLE = SourceTable(database="classicmodels", name="logged", key=("id",), about="What the log tells.")
HASH_KEY = b"a key that nobody can guess"


class Decoded:
    """Rows of one table, all under one table map."""

    def __init__(self, decoder, rows, runs):
        self.decoder = decoder
        self.runs = runs
        arrays, self.quirks = decoder.to_arrow(rows)
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.register("cut", arrow.ArrowBatch(arrays, len(rows)))
            found = connection.execute(f"select {', '.join(decoder.cast_expressions())} from cut")
            self.types = {name: str(kind) for name, kind, *_ in found.description}
            self.rows = found.fetchall()

    @property
    def ops(self):
        """One letter a row."""
        return "".join(op * count for count, op in self.runs)


class Log:
    """The log from a place on."""

    def __init__(self, stage, source):
        self.source = source
        self._database = stage.databases["classicmodels"]
        self._start = end_of_log(source)

    def events(self, name):
        """Each rows event of a table: operation, version, table map, body."""
        end, maps = end_of_log(self.source), {}
        wire = open_wire(self._database)
        for placed in dump_binlog(wire, self.source.server, self._start.file, self._start.offset):
            event = placed.event
            if event.kind == events.TABLE_MAP:
                maps[event.body[:6]] = event.body
            elif event.kind in events.ROWS_EVENTS:
                body = events.rows_body(event)
                table_map = read_table_map(maps[body[:6]])
                if table_map.table == name:
                    yield RowsEvent(*events.ROWS_EVENTS[event.kind], maps[body[:6]], body), table_map
            if placed.end >= end.offset:
                wire._force_close()  # the server would send its end of the log into nowhere
                return

    def decoded(self, table=TABLE, declared=None):
        """Its rows of ``table``, whose columns stay the same."""
        decoder, rows, runs = None, [], []
        if declared is None:
            declared = self.source.catalogue_columns(table)
        for event, table_map in self.events(table.name):
            decoder = decoder or build_row_decoder(table_map, table, declared, Charsets(self.source.ask), HASH_KEY)
            runs += decoder.split_rows(event, rows)
        return Decoded(decoder, rows, runs)


@contextmanager
def log_of(stage, shop, *definitions):
    """An empty table ``logged`` with a key ``id``, and the log behind its creation."""
    shop.run("drop table if exists logged")
    columns = ", ".join(["id int primary key", *definitions])
    shop.run(f"create table logged ({columns})")
    with source_of(replace(stage, hash_key=HASH_KEY)) as source:
        yield Log(stage, source)
    shop.run("drop table if exists logged")


@contextmanager
def metadata(shop, level):
    """What the server tells of columns, for a while."""
    shop.run(f"set global binlog_row_metadata = {level}")
    try:
        yield
    finally:
        shop.run("set global binlog_row_metadata = FULL")


def pulled(log, stage, folder, table=TABLE):
    """The table's rows by key, their types and its quirks, as a snapshot reads them."""
    read = read_source_table(log.source, table, folder / "pulled.parquet", stage.clock)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = connection.execute(f"select * from '{read.path}' order by id")
        return found.fetchall(), {name: str(kind) for name, kind, *_ in found.description}, dict(read.quirks)
