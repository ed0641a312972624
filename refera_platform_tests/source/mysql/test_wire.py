"""The wire is encrypted as the address says, patient with a slow server, and clear about one that is gone."""

import socket
import ssl
from contextlib import closing
from dataclasses import replace

import pymysql
import pytest

from refera_platform.errors import SourceError
from refera_platform.settings.source_database import SourceDatabase
from refera_platform.source.mysql import wire
from refera_platform.source.mysql.server.detection import detect_server
from refera_platform.source.mysql.wire import closing_wire, open_wire
from refera_platform_tests.local_stack import root
from refera_platform_tests.source.mysql.guarded_server import SECRET, asked
from refera_platform_tests.source.mysql.guarded_server import guarded as guarded


@pytest.mark.parametrize("mode", ["required", "verify_ca", "verify_identity"])
def test_what_is_read_is_encrypted(guarded, mode):
    ((_, cipher),) = asked(replace(guarded, ssl_mode=mode), "show session status like 'ssl_cipher'")
    assert cipher


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"ssl_ca": "stranger.pem"}, "ssl_ca=PATH", id="another authority"),
        pytest.param({"ssl_mode": "verify_ca", "ssl_ca": ""}, "ssl_ca=PATH", id="no authority of ours"),
        pytest.param({"host": "localhost"}, "ssl_ca=PATH", id="another name"),
        pytest.param(
            {"ssl_ca": "nowhere.pem"}, r"nowhere.pem cannot be read as certificates \(No such file", id="no such file"
        ),
        pytest.param({"ssl_ca": "server.key"}, "server.key cannot be read as certificates", id="no certificate"),
        pytest.param({"ssl_mode": "disabled"}, r"Access denied.*password", id="TLS typed off"),
    ],
)
def test_a_server_that_cannot_prove_itself_is_refused_and_the_password_is_not_told(guarded, changes, said):
    folder = guarded.ssl_ca.rpartition("/")[0]
    given = {**changes, "ssl_ca": f"{folder}/{changes['ssl_ca']}"} if changes.get("ssl_ca") else changes
    with pytest.raises(SourceError, match=said) as error:
        open_wire(replace(guarded, **given))
    assert SECRET not in str(error.value)
    assert not error.value.is_transient


def test_an_authority_without_key_usage_is_refused_with_its_remedy_and_taken_when_that_is_typed(guarded, monkeypatch):
    def strict(cafile):
        context = trusting(cafile=cafile)
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does it itself since 3.13
        return context

    trusting = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", strict)
    assert asked(guarded, "select 1") == [(1,)]
    lax = replace(guarded, ssl_ca=guarded.ssl_ca.replace("authority.pem", "lax.pem"))
    with pytest.raises(SourceError, match=r"key usage.*issued again.*ssl_strict=off") as error:
        open_wire(lax)
    assert not error.value.is_transient
    assert asked(replace(lax, ssl_strict=False), "select 1") == [(1,)]
    stranger = replace(lax, ssl_ca=guarded.ssl_ca.replace("authority.pem", "stranger.pem"), ssl_strict=False)
    with pytest.raises(SourceError, match="ssl_ca=PATH"):
        open_wire(stranger)


def test_a_certificate_for_another_name_is_enough_where_only_the_authority_counts(guarded):
    assert asked(replace(guarded, host="localhost", ssl_mode="verify_ca"), "select 1") == [(1,)]


def test_a_server_without_a_log_gives_a_view_without_a_place(guarded):
    with closing_wire(open_wire(guarded)) as connection, connection.cursor() as cursor:

        def ask(sql):
            cursor.execute(sql)
            return list(cursor.fetchall())

        server = detect_server(ask)
        cut = server.begin_snapshot()
        assert (cut.position, cut.is_exact) == (None, False)
        assert server.binlog_settings()["log_bin"] == "OFF"


def test_who_answers_the_phone_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(wire, "CONNECT_TIMEOUT_SECONDS", 0.3)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = SourceDatabase(
            host="127.0.0.1", port=silent.getsockname()[1], user="me", password=SECRET, name="shop", ssl_mode="disabled"
        )
        with pytest.raises(SourceError, match="check that the server runs") as error:
            open_wire(address)
    assert error.value.is_transient


def test_the_address_of_no_host_is_said_to_be_so():
    address = SourceDatabase(host=f"{'a' * 70}.example", port=3306, user="me", password=SECRET, name="shop")
    with pytest.raises(SourceError, match=r"aaa.example:3306 as me could not be read"):
        open_wire(address)


def test_the_session_is_ours_whatever_the_administrator_set_for_all(home, stage, shop):
    changed = {
        "sql_mode": "'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH'",
        "sql_select_limit": "1",
        "wait_timeout": "2",
        "idle_readonly_transaction_timeout": "1",
        "idle_transaction_timeout": "1",
        "max_statement_time": "1",
    }
    with closing(root(home)) as connection, connection.cursor() as cursor:
        for name, value in changed.items():
            cursor.execute(f"set global {name} = {value}")
        try:
            found = asked(
                stage.databases["classicmodels"],
                "select @@sql_mode, @@wait_timeout, @@time_zone, @@tx_isolation, @@tx_read_only, @@character_set_results,"
                " @@idle_readonly_transaction_timeout, @@idle_transaction_timeout, @@max_statement_time from orders",
            )
        finally:
            for name in changed:
                cursor.execute(f"set global {name} = default")
    assert found == [("", 28800, "+00:00", "REPEATABLE-READ", 1, "utf8mb4", 0, 0, 0)] * 4


def test_an_administrator_who_ends_the_connection_is_told_of_and_it_may_be_tried_again(home, stage, shop):
    database = stage.databases["classicmodels"]
    with closing_wire(open_wire(database)) as connection, closing(root(home)) as other, other.cursor() as cursor:
        cursor.execute(f"kill {connection.thread_id()}")
        with pytest.raises(pymysql.MySQLError) as error, connection.cursor() as mine:
            mine.execute("select 1")
    told = wire.connection_error(database, error.value)
    assert told.is_transient
    assert "check that the server runs" in str(told)


def test_more_columns_than_were_asked_for_are_refused(stage, shop):
    with (
        closing_wire(open_wire(stage.databases["classicmodels"])) as connection,
        pytest.raises(pymysql.InternalError, match="2 columns where 1 were asked for"),
    ):
        connection.select("select 1, 2", 1)
