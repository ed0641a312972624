"""Benchmark of reading a million row events of the binlog: this reader with Parquet and commit, and a bare peer loop.

    make bench-cdc            python -m benchmarks.cdc --rows 1000000

Each reader runs in its own process, so that its peak memory is measured alone. The physical limit is receiving the
binlog's bytes.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pymysql

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.ingest.context import IngestContext
from refera_platform.ingest.result import IngestFailure
from refera_platform.ingest.run import ingest_tables
from refera_platform.lake.lake import Lake
from refera_platform.sandbox import stack
from refera_platform.settings.stage import Stage, load_stage
from refera_platform.source.connection import open_source
from refera_platform.source.mysql.binlog.dump_connection import dump_binlog
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.table import SourceTable

TABLE = SourceTable(database="classicmodels", name="bench", key=("id",), about="A table of the benchmark.")
DEFINITION = (
    "id bigint unsigned primary key, a int, b int unsigned, name varchar(60), price decimal(12,2), made datetime,"
    " seen datetime(6), note text, flag tinyint"
)
STATEMENTS = (
    "insert into bench select seq, seq % 1000, seq, concat('name ', seq), seq / 100,"
    " '2026-01-01' + interval seq second, '2026-01-01 00:00:00.123456' + interval seq second,"
    " concat('note of ', seq, repeat('x', seq % 40)), seq % 2"
    " from seq_1_to_{half}",
    "update bench set a = a + 1, price = price + 1",
)
"""Half of the rows are inserted, half are updated, in one transaction each."""


def main() -> None:
    """Prepare, measure each reader in its own process, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="row events in the log")
    parser.add_argument("--reader", choices=list(READERS), help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.reader:
        _measure(chosen.home, READERS[chosen.reader])
        return
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        stack.start_stack(home)
        try:
            _prepare(home, chosen.rows)
            found = {name: _apart(home, name) for name in READERS}
        finally:
            stack.stop_stack(home, wipe=True)
    _print(found)


def _prepare(home: Path, rows: int) -> None:
    """Take a snapshot, then write the binlog that is to be read."""
    address = stack.stack_status(home).address
    if address is None:
        raise SystemExit("The local stack did not start.")
    server = address.mariadb
    connection = pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.admin.user,
        password=server.admin.password,
        database=server.database,
        autocommit=True,
    )
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(f"create table bench ({DEFINITION})")
        _capture(_stage(home))
        cursor.execute("show master status")
        row = cursor.fetchone() or ()
        (home / "start.json").write_text(json.dumps([str(row[0]), int(row[1])]))
        for statement in STATEMENTS:
            cursor.execute(statement.format(half=rows // 2))


def _stage(home: Path) -> Stage:
    return load_stage({"REFERA_STAGE": "test", "REFERA_HOME": str(home)})


def _capture(stage: Stage) -> int:
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        context = IngestContext(lake=Lake(stage), source=source, stage=stage, folder=folder)
        (came,) = ingest_tables(context, [TABLE], [stage.clock.today()])
    if isinstance(came, IngestFailure):
        raise came.error
    return sum(came.added.values())


def ours(home: Path) -> int:
    """This reader: decodes, writes Parquet, commits to S3, counts the rows again."""
    return _capture(_stage(home))


def peer(home: Path) -> int:
    """A bare python-mysql-replication loop that discards the rows."""
    from pymysqlreplication import BinLogStreamReader
    from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

    file, offset = json.loads((home / "start.json").read_text())
    database = _stage(home).databases["classicmodels"]
    settings = {
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "passwd": database.password,
    }
    stream = BinLogStreamReader(
        connection_settings=settings,
        server_id=4_000_000_001,
        log_file=file,
        log_pos=offset,
        resume_stream=True,
        blocking=False,
        only_events=[WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent],
    )
    with closing(stream):
        return sum(len(event.rows) for event in stream)


def limit(home: Path) -> int:
    """Only receives the binlog's bytes, cuts them into events and checks them."""
    file, offset = json.loads((home / "start.json").read_text())
    stage = _stage(home)
    with scratch_folder(stage) as folder, open_source(stage, "classicmodels", folder) as source:
        wire = partial(open_wire, source.database)()
        with closing(wire):
            for _ in dump_binlog(wire, source.server, file, offset):
                pass
    return 0


READERS: dict[str, Callable[[Path], int]] = {"limit": limit, "peer": peer, "ours": ours}
NAMES = {
    "limit": "the log's bytes, checked",
    "peer": "python-mysql-replication, rows thrown away",
    "ours": "refera: decoded, Parquet, committed",
}


def _measure(home: Path, reader: Callable[[Path], int]) -> None:
    started = time.perf_counter()
    rows = reader(home)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    sys.stdout.write(json.dumps({"rows": rows, "seconds": seconds, "peak": peak}))


def _apart(home: Path, name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.cdc", "--reader", name, "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - the command is ours
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _print(found: dict[str, dict[str, float]]) -> None:
    rows = max(each["rows"] for each in found.values())
    sys.stdout.write(f"{rows:,.0f} row events, {datetime.now(UTC):%Y-%m-%d}\n\n")
    sys.stdout.write("| reader | seconds | rows/s | peak MB |\n| --- | --- | --- | --- |\n")
    for name, each in found.items():
        sys.stdout.write(
            f"| {NAMES[name]} | {each['seconds']:.1f} | {rows / each['seconds']:,.0f} | {each['peak']:.0f} |\n"
        )


if __name__ == "__main__":
    main()
