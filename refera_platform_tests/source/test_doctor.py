"""Each precondition, broken on a real server, is found and comes with its remedy."""

import subprocess
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pymysql
import pytest

from refera_platform.doctor.preflight import diagnose
from refera_platform.sandbox import stack
from refera_platform.sandbox.servers import mariadb, ports
from refera_platform.source.cascades import find_cascades
from refera_platform.source.connection import Source
from refera_platform.source.doctor.connectivity import examine_address, examine_server
from refera_platform.source.doctor.finding import Verdict
from refera_platform.source.doctor.tables import examine_tables
from refera_platform.source.mysql.wire import open_wire
from refera_platform.source.position import Position
from refera_platform_tests.checkout import declared_tables, find_table
from refera_platform_tests.local_stack import source_of
from refera_platform_tests.source.doctor_findings import account, log_findings, only, troubled
from refera_platform_tests.source.doctor_findings import root as root
from refera_platform_tests.source.plain import without_tls


def test_a_server_as_it_should_be_has_nothing_to_mend(stage, shop):
    with source_of(stage) as source:
        findings = [
            *examine_address(stage.databases["classicmodels"], "shop"),
            *examine_server(source, "shop"),
            *examine_tables(source, declared_tables(), b""),
            *log_findings(source),
        ]
    assert troubled(findings) == []
    assert len(findings) == 5 + 8 + 5


@pytest.mark.parametrize(
    ("changes", "about", "found", "remedy"),
    [
        pytest.param({"host": "db.invalid"}, "shop: address", "db.invalid is not a name", "check the host", id="name"),
        pytest.param({"port": 1}, "shop: port", "Nothing takes connections at 127.0.0.1:1 ", "firewall", id="port"),
        pytest.param({"password": "s3cret"}, "shop: login", "Access denied", "check the user", id="password"),
        pytest.param({"name": "nowhere"}, "shop: login", "Access denied|Unknown database", "check", id="schema"),
    ],
)
def test_the_way_to_the_server_is_gone_until_it_ends(stage, shop, changes, about, found, remedy):
    findings = list(examine_address(replace(stage.databases["classicmodels"], **changes), "shop"))
    assert [each.verdict for each in findings[:-1]] == [Verdict.OK] * (len(findings) - 1)
    last = findings[-1]
    assert (last.about, last.verdict) == (about, Verdict.FAIL)
    assert any(word in last.found for word in found.split("|"))
    assert remedy in last.remedy
    assert "s3cret" not in last.found


def test_a_server_without_the_encryption_that_is_asked_for_ends_the_way(stage, shop):
    with without_tls(stage.databases["classicmodels"]) as port:
        address = replace(stage.databases["classicmodels"], port=port, ssl_mode="required")
        *before, last = examine_address(address, "shop")
    assert troubled(before) == []
    assert (last.about, last.verdict) == ("shop: login", Verdict.FAIL)
    assert "SSL" in last.found
    assert "ssl_ca=PATH" in last.remedy


def test_a_remote_server_without_encryption_is_told(stage, shop):
    remote = replace(stage.databases["classicmodels"], host="127.1")  # the same server, not known as local
    with source_of(replace(stage, databases={"classicmodels": remote})) as source:
        found = only(examine_server(source, "shop"), "shop: encryption")
    assert found.verdict is Verdict.WARN
    assert "127.1 crosses the network in the clear" in found.found


def test_a_server_that_the_tests_do_not_run_on_is_told(stage, shop, monkeypatch):
    for version, verdict in (("11.4.2-MariaDB", Verdict.WARN), ("10.3.39-MariaDB-log", Verdict.FAIL)):
        with source_of(stage) as source:
            ask = source.ask
            monkeypatch.setattr(
                source, "ask", lambda sql, v=version, a=ask: [(v,)] if sql == "select version()" else a(sql)
            )
            found = only(examine_server(source, "shop"), "shop: server")
        assert (found.verdict, version in found.found) == (verdict, True)


BROKEN = {
    "statements in the log": (
        "set global binlog_format = 'STATEMENT'",
        "set global binlog_format = 'ROW'",
        "shop: binlog settings",
        Verdict.FAIL,
        "binlog_format = STATEMENT",
        "set global binlog_format = ROW",
    ),
    "mixed log": (
        "set global binlog_format = 'MIXED'",
        "set global binlog_format = 'ROW'",
        "shop: binlog settings",
        Verdict.FAIL,
        "binlog_format = MIXED",
        "set global binlog_format = ROW",
    ),
    "partial images": (
        "set global binlog_row_image = 'MINIMAL'",
        "set global binlog_row_image = 'FULL'",
        "shop: binlog settings",
        Verdict.FAIL,
        "binlog_row_image = MINIMAL",
        "set global binlog_row_image = FULL",
    ),
    "no names": (
        "set global binlog_row_metadata = 'NO_LOG'",
        "set global binlog_row_metadata = 'FULL'",
        "shop: column names in the binlog",
        Verdict.WARN,
        "identified by their order",
        "set global binlog_row_metadata = FULL",
    ),
    "a short log": (
        "set global binlog_expire_logs_seconds = 86400",
        "set global binlog_expire_logs_seconds = 2592000",
        "shop: binlog retention",
        Verdict.WARN,
        "keeps its binlog for 24 hours",
        "binlog_expire_logs_seconds = 604800",
    ),
    "no stream": (
        "revoke replication slave on *.* from {reader}",
        "grant replication slave on *.* to {reader}",
        "shop: binlog privileges",
        Verdict.FAIL,
        "has no REPLICATION SLAVE",
        "statements of `refera doctor`",
    ),
    "no status": (
        "revoke binlog monitor on *.* from {reader}",
        "grant binlog monitor on *.* to {reader}",
        "shop: binlog privileges",
        Verdict.FAIL,
        "has no BINLOG MONITOR",
        "statements of `refera doctor`",
    ),
}


@pytest.mark.parametrize(("break_it", "mend_it", "about", "verdict", "found", "remedy"), BROKEN.values(), ids=BROKEN)
def test_a_broken_log_is_found(stage, shop, root, break_it, mend_it, about, verdict, found, remedy):
    reader = f"{stage.databases['classicmodels'].user}@'127.0.0.1'"
    root(break_it.format(reader=reader))
    try:
        with source_of(stage) as source:
            (told,) = troubled(log_findings(source))
    finally:
        root(mend_it.format(reader=reader))
    assert (told.about, told.verdict) == (about, verdict)
    assert found in told.found
    assert remedy in told.remedy
    with source_of(stage) as source:
        assert troubled(log_findings(source)) == []


def test_a_log_without_names_is_what_the_doctor_leads_with(stage, shop, root):
    root("set global binlog_row_metadata = 'NO_LOG'")
    try:
        found = diagnose(stage, [find_table("payments")], roots=[]).findings
    finally:
        root("set global binlog_row_metadata = 'FULL'")
    about = [each.about for each in found]
    assert about.index("classicmodels: column names in the binlog") < about.index("classicmodels: server")
    first = only(found, "classicmodels: column names in the binlog")
    assert first.verdict is Verdict.WARN
    assert "each ALTER of a copied table costs a resnapshot" in first.found
    assert first.remedy.startswith("set global binlog_row_metadata = FULL")


ELSEWHERE = {
    "partial JSON": (
        {"binlog_row_value_options": "PARTIAL_JSON"},
        "shop: binlog settings",
        Verdict.FAIL,
        "PARTIAL_JSON",
    ),
    "no server id": ({"server_id": "0"}, "shop: server id", Verdict.FAIL, "no server_id"),
    "an old server": (
        {"binlog_row_metadata": ""},
        "shop: column names in the binlog",
        Verdict.WARN,
        "cannot name columns",
    ),
    "days, not seconds": (
        {"binlog_expire_logs_seconds": "0", "expire_logs_days": "2"},
        "shop: binlog retention",
        Verdict.WARN,
        "for 48 hours",
    ),
}
"""Settings of servers that do not run here."""


@pytest.mark.parametrize(("settings", "about", "verdict", "found"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_settings_of_other_servers_are_understood(stage, shop, settings, about, verdict, found):
    with source_of(stage) as source:
        whole = source.server.binlog_settings()
        source.server.binlog_settings = lambda: {**whole, **settings}
        (told,) = troubled(log_findings(source))
    assert (told.about, told.verdict) == (about, verdict)
    assert found in told.found


def test_a_replica_that_does_not_log_what_it_receives_is_found(stage, shop):
    with source_of(stage) as source:
        ask = source.ask
        receiving = [("Slave_running", "ON"), ("Slaves_running", "1")]
        source.ask = lambda sql: receiving if "slave_running" in sql.lower() else ask(sql)
        (told,) = troubled(log_findings(source))
    assert (told.about, told.verdict) == ("shop: binlog filters", Verdict.FAIL)
    assert "log_slave_updates" in told.remedy


def test_a_log_that_is_kept_for_ever_is_well(stage, shop, root):
    root("set global binlog_expire_logs_seconds = 0")
    try:
        with source_of(stage) as source:
            place = source.server.binlog_files()[0][0]
            findings = log_findings(source, Position(file=place, offset=4), datetime.now(UTC) - timedelta(days=900))
    finally:
        root("set global binlog_expire_logs_seconds = 2592000")
    assert troubled(findings) == []
    assert only(findings, "shop: binlog position").found == f"The lake continues from {place}, which is kept."


def test_hours_until_our_place_is_purged(stage, shop, root):
    root("flush binary logs")
    with source_of(stage) as source:
        *older, newest = [name for name, _ in source.server.binlog_files()]
        long_ago = datetime.now(UTC) - timedelta(days=30) + timedelta(hours=5, minutes=1)

        def place(file, begun=0, since=long_ago):
            return only(
                log_findings(source, Position(file=file, offset=4, begun=begun), since),
                "shop: binlog position",
            )

        soon = place(older[-1])
        assert soon.verdict is Verdict.WARN
        assert f"continues from {older[-1]}, which is kept for 5 hours more" in soon.found
        assert place(older[-1], begun=int(time.time())).found.endswith("kept for 30 days more at least.")
        assert place(newest).verdict is Verdict.OK, "what is being written is not purged"
        deadline = time.monotonic() + 30  # a file is kept until the storage engine has no more need of it
        while older[-1] in dict(source.server.binlog_files()) and time.monotonic() < deadline:
            root(f"purge binary logs to '{newest}'")
        gone = place(older[-1])
        assert gone.verdict is Verdict.FAIL
        assert f"{older[-1]}:4 on was purged" in gone.found
        assert "refera resnapshot" in gone.remedy


@contextmanager
def private_server(home, folder, **options):
    """Another MariaDB, run as its options say; gives its address."""
    address, port = stack.stack_status(home).address.mariadb, ports.pick_free_port()
    if not (folder / "data").exists():
        mariadb.install_data_folder(folder).replace(folder / "data")
    socket = mariadb.short_socket.short_socket_path(folder / "s")
    ours = {
        **mariadb.MARIADB_OPTIONS,
        "datadir": str(folder / "data"),
        "port": str(port),
        "socket": str(socket),
        "pid_file": str(folder / "pid"),
        "innodb_buffer_pool_size": "16M",
        "innodb_log_file_size": "8M",
        **options,
    }
    kept = {name: value for name, value in ours.items() if value is not None}
    (folder / "my.cnf").write_text(mariadb.option_file_text("mariadbd", kept))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [mariadb.mariadb_program("mariadbd"), f"--defaults-file={folder / 'my.cnf'}"], stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while "ready for connections" not in (folder / "log").read_text():
            assert time.monotonic() < deadline, (folder / "log").read_text()
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        owner = pymysql.connect(unix_socket=str(socket), user="root", autocommit=True)
        with closing(owner), owner.cursor() as cursor:
            cursor.execute("create database if not exists classicmodels")
            cursor.execute("grant all on *.* to owner@'127.0.0.1' identified by 'owner'")
        yield {
            "host": "127.0.0.1",
            "port": port,
            "user": "owner",
            "password": "owner",
            "name": address.database,
        }
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_a_server_without_a_log_and_one_that_leaves_our_schema_out(stage, home, tmp_path, duck):
    def findings(**options):
        with private_server(home, tmp_path, **options) as changes:
            database = replace(stage.databases["classicmodels"], **changes)
            with closing(open_wire(database)) as wire:
                return troubled(log_findings(Source(duck, wire, database, b"")))

    (off,) = [each for each in findings(log_bin=None, skip_log_bin="ON") if each.about == "shop: binlog settings"]
    assert (off.verdict, "log_bin = OFF" in off.found, "restart it" in off.remedy) == (
        Verdict.FAIL,
        True,
        True,
    )
    (never,) = findings(binlog_ignore_db="classicmodels")
    assert (never.about, never.verdict) == ("shop: binlog filters", Verdict.FAIL)
    assert "leaves schema classicmodels out of its binlog (binlog_ignore_db)" in never.found
    (other,) = findings(binlog_do_db="billing")
    assert (other.verdict, "(binlog_do_db)" in other.found) == (Verdict.FAIL, True)
    (some,) = findings(binlog_ignore_db="billing")
    assert (some.about, some.verdict) == ("shop: binlog filters", Verdict.WARN)


@pytest.fixture
def duck():
    import duckdb

    with closing(duckdb.connect()) as connection:
        yield connection


def test_foreign_keys_that_the_account_cannot_see_are_a_failure(stage, shop, root):
    """With SELECT alone, MariaDB's catalogue shows nobody what a foreign key does when its parent goes."""
    shop.run(
        "create table child (id int primary key, o varchar(10), foreign key (o) references offices (officeCode) on delete cascade)"
    )
    shop.run(
        "create table line (id int primary key comment 'on delete cascade', o int, foreign key (o) references child (id))"
    )
    with source_of(stage) as source:
        assert "1 foreign keys change rows" in only(log_findings(source), "shop: foreign keys").found
    with (
        account(stage, root, "grant select on classicmodels.child to {account}") as narrow,
        source_of(narrow) as source,
    ):
        found = only(log_findings(source), "shop: foreign keys")
        sees = len(find_cascades(source.ask, "classicmodels").acting)
    assert found.verdict is (Verdict.OK if sees else Verdict.FAIL)
    assert sees or ("cannot see what 1 foreign keys do" in found.found and "grant show view" in found.remedy)
