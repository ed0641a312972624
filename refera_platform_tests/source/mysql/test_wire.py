"""The wire is encrypted as the address says, patient with a slow server, and clear about one that is gone."""

import os
import select
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pymysql
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from refera_platform.errors import SourceError
from refera_platform.sandbox.servers import mariadb, process, short_socket
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.settings.source_database import Database
from refera_platform.source.mysql import liveness, wire
from refera_platform.source.mysql.server import server_of
from refera_platform.source.mysql.wire import open_wire, opened
from refera_platform_tests.conftest import root

SECRET = "s3cret'\"\\;-- drop"


def asked(database, sql):
    with opened(open_wire(database)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def signed(folder, name, key, *, by="", signing=None, usage=True):
    """A certificate of a server at 127.0.0.1 by an authority, or of an authority, with or without what it may be used for."""
    named = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, by or "authority")
    ]
    now, is_authority = datetime.now(UTC), not by
    owner = (signing or key).public_key()
    made = (
        x509.CertificateBuilder().subject_name(named[not by]).issuer_name(named[1]).public_key(key.public_key())
        .serial_number(1 + len(list(folder.glob("*.pem"))))
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(owner), critical=False)
    )  # fmt: skip
    if usage:
        use = dict.fromkeys(
            (
                "content_commitment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only", "decipher_only",
                "key_encipherment",
            ),
            False,
        )  # fmt: skip
        signs = x509.KeyUsage(digital_signature=not is_authority, key_cert_sign=is_authority, **use)
        made = made.add_extension(signs, critical=True)
    path = folder / f"{name}.pem"
    path.write_bytes(made.sign(signing or key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def certificates(folder):
    """A server's certificate and key, and its authority: as it should be, and without key usage; and somebody else's."""
    authority, server, stranger = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    signed(folder, "authority", authority)
    signed(folder, "lax", authority, usage=False)
    signed(folder, "stranger", stranger)
    signed(folder, "server", server, by="authority", signing=authority)
    (folder / "server.key").write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Database]:
    """A server that speaks TLS and keeps no log."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tmp").mkdir()
    server = Daemon(name="The TLS MariaDB", executable="mariadbd", mark=f"--defaults-file={folder / 'my.cnf'}",
                    folder=folder, data=folder / "data", log=folder / "server.log", patience=0)  # fmt: skip
    mariadb.install(folder).replace(server.data)
    certificates(folder)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    address = Database(host="127.0.0.1", port=port, user="reader", password=SECRET, name="shop",
                       ssl_mode="verify_identity", ssl_ca=str(folder / "authority.pem"))  # fmt: skip
    path = short_socket.path(folder / "mariadbd.sock")
    options = mariadb.INSTALL_OPTIONS | {
        "datadir": str(server.data), "tmpdir": str(folder / "tmp"), "port": str(port), "bind_address": "127.0.0.1",
        "socket": str(path), "pid_file": str(folder / "mariadbd.pid"), "init_file": str(folder / "init.sql"),
        "skip_name_resolve": "ON", "ssl_cert": str(folder / "server.pem"), "ssl_key": str(folder / "server.key"),
    }  # fmt: skip
    (folder / "my.cnf").write_text(mariadb.option_file("mariadbd", options))
    (folder / "init.sql").write_text(
        "create database shop;\ncreate user reader@'%' identified by 's3cret''\"\\\\;-- drop' require ssl;\n"
        "grant select on shop.* to reader@'%';\n"
    )

    def trouble() -> str:
        try:
            asked(address, "select 1")
        except SourceError as refused:
            return str(refused)
        return ""

    try:
        process.await_ready(server, process.launch(server, mariadb.command(server)), trouble)
        yield address
    finally:
        process.stop(server)
        short_socket.remove(folder / "mariadbd.sock")


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
        pytest.param({"ssl_ca": "nowhere.pem"}, r"nowhere.pem cannot be read as certificates \(No such file", id="no such file"),
        pytest.param({"ssl_ca": "server.key"}, "server.key cannot be read as certificates", id="no certificate"),
        pytest.param({"ssl_mode": "disabled"}, r"Access denied.*password", id="TLS typed off"),
    ],
)  # fmt: skip
def test_a_server_that_cannot_prove_itself_is_refused_and_the_password_is_not_told(guarded, changes, said):
    folder = guarded.ssl_ca.rpartition("/")[0]
    given = {**changes, "ssl_ca": f"{folder}/{changes['ssl_ca']}"} if changes.get("ssl_ca") else changes
    with pytest.raises(SourceError, match=said) as trouble:
        open_wire(replace(guarded, **given))
    assert SECRET not in str(trouble.value)
    assert not trouble.value.passing


def test_an_authority_without_key_usage_is_refused_with_its_remedy_and_taken_when_that_is_typed(
    guarded, monkeypatch
):
    def strict(cafile):
        context = trusting(cafile=cafile)
        context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python does it itself since 3.13
        return context

    trusting = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", strict)
    assert asked(guarded, "select 1") == [(1,)]
    lax = replace(guarded, ssl_ca=guarded.ssl_ca.replace("authority.pem", "lax.pem"))
    with pytest.raises(SourceError, match=r"key usage.*issued anew.*ssl_strict=off") as trouble:
        open_wire(lax)
    assert not trouble.value.passing
    assert asked(replace(lax, ssl_strict=False), "select 1") == [(1,)]
    stranger = replace(lax, ssl_ca=guarded.ssl_ca.replace("authority.pem", "stranger.pem"), ssl_strict=False)
    with pytest.raises(SourceError, match="ssl_ca=PATH"):
        open_wire(stranger)


def test_a_certificate_for_another_name_is_enough_where_only_the_authority_counts(guarded):
    assert asked(replace(guarded, host="localhost", ssl_mode="verify_ca"), "select 1") == [(1,)]


def test_a_server_without_a_log_gives_a_view_without_a_place(guarded):
    with opened(open_wire(guarded)) as connection, connection.cursor() as cursor:

        def ask(sql):
            cursor.execute(sql)
            return list(cursor.fetchall())

        server = server_of(ask)
        cut = server.begin_snapshot()
        assert (cut.position, cut.is_exact) == (None, False)
        assert server.log_settings()["log_bin"] == "OFF"


def test_who_answers_the_phone_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(wire, "PATIENCE", 0.3)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        address = Database(host="127.0.0.1", port=silent.getsockname()[1], user="me", password=SECRET, name="shop",
                           ssl_mode="disabled")  # fmt: skip
        with pytest.raises(SourceError, match="check that the server runs") as trouble:
            open_wire(address)
    assert trouble.value.passing


def test_the_address_of_no_host_is_said_to_be_so():
    address = Database(host=f"{'a' * 70}.example", port=3306, user="me", password=SECRET, name="shop")
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
    with opened(open_wire(database)) as connection, closing(root(home)) as other, other.cursor() as cursor:
        cursor.execute(f"kill {connection.thread_id()}")
        with pytest.raises(pymysql.MySQLError) as trouble, connection.cursor() as mine:
            mine.execute("select 1")
    told = wire.explained(database, trouble.value)
    assert told.passing
    assert "check that the server runs" in str(told)


def test_more_columns_than_were_asked_for_are_refused(stage, shop):
    with (
        opened(open_wire(stage.databases["classicmodels"])) as connection,
        pytest.raises(pymysql.InternalError, match="2 columns where 1 were asked for"),
    ):
        connection.select("select 1, 2", 1)


@pytest.fixture
def attentive(monkeypatch):
    """A reader that asks soon whether the server lives."""
    monkeypatch.setattr(liveness, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(liveness, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(liveness, "PROBE_SECONDS", 3.0)


@pytest.fixture
def quick(attentive, monkeypatch):
    """The same, where nobody is expected to answer."""
    monkeypatch.setattr(liveness, "PROBE_SECONDS", 0.5)


@contextmanager
def stopped(folder):
    """The server of a folder, stopped as a frozen machine is: its kernel still acknowledges what it is sent."""
    pid = int(Path(folder, "mariadbd.pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_server_that_was_stopped_is_given_up_soon(guarded, quick):
    with (
        opened(open_wire(guarded)) as connection,
        stopped(guarded.ssl_ca.rpartition("/")[0]),
        connection.cursor() as cursor,
    ):
        began = time.monotonic()
        with pytest.raises(pymysql.OperationalError) as trouble:
            cursor.execute("select 1")
        assert time.monotonic() - began < 60
    told = wire.explained(guarded, trouble.value)
    assert told.passing
    assert "and the server answers no new session either" in str(told)
    assert str(told).endswith(": check that the server runs and that its address can be reached from here.")


def test_a_server_that_sorts_for_long_is_waited_for(guarded, attentive):
    """The twin: as silent as a stopped one, and it answers whoever asks besides."""
    with opened(open_wire(guarded)) as connection, connection.cursor() as cursor:
        cursor.execute("show global status like 'Connections'")
        ((_, before),) = cursor.fetchall()
        cursor.execute("select sleep(3)")
        assert list(cursor.fetchall()) == [(0,)]
        cursor.execute("show global status like 'Connections'")
        ((_, after),) = cursor.fetchall()
    assert int(after) > int(before), "it was asked meanwhile"


def test_a_silence_that_is_too_long_ends_also_when_the_server_lives(guarded, attentive, monkeypatch):
    monkeypatch.setattr(wire, "SILENCE", 1)
    with (
        opened(open_wire(guarded)) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.OperationalError, match="though the server answers others"),
    ):
        cursor.execute("select sleep(30)")


def test_a_path_that_carries_nothing_any_more_is_given_up_soon(guarded, quick):
    """A proxy, a tunnel or a firewall in between still takes what is sent, and passes nothing on."""
    with (
        through(guarded) as (address, cut),
        opened(open_wire(address)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select 1")
        cut.set()
        with pytest.raises(pymysql.OperationalError, match="answers no new session either"):
            cursor.execute("select 1")


def test_a_refusal_is_a_sign_of_life(guarded, attentive):
    """A server whose sessions are all taken, or whose password was changed, still sorts."""
    peer = ("127.0.0.1", guarded.port)
    assert liveness.answers(peer, partial(wire._wire, replace(guarded, password="another")))
    stranger = guarded.ssl_ca.replace("server.pem", "stranger.pem")
    assert liveness.answers(peer, partial(wire._wire, replace(guarded, ssl_ca=stranger)))
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        nowhere = nobody.getsockname()
    assert not liveness.answers(nowhere, partial(wire._wire, guarded))


def test_the_system_watches_the_other_end_of_each_connection(guarded):
    with opened(open_wire(guarded)) as connection:
        line = connection._sock
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        found = {
            name: line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name, _ in liveness.KEEPALIVE
            if hasattr(socket, name)
        }
    assert found == {name: value for name, value in liveness.KEEPALIVE if name in found}
    assert len(found) >= 3


@contextmanager
def through(database):
    """A proxy to the server; once cut, it takes everything and passes nothing on."""
    cut, ended = threading.Event(), threading.Event()
    lines = []

    def carry(one):
        other = socket.create_connection((database.host, database.port))
        lines.extend((one, other))
        pairs = {one: other, other: one}
        while not ended.is_set():
            for each in select.select(list(pairs), [], [], 0.05)[0]:
                try:
                    data = each.recv(1 << 16)
                except ConnectionResetError:
                    return
                if not data:
                    return
                if not cut.is_set():
                    pairs[each].sendall(data)

    def accept(server):
        while not ended.is_set():
            if select.select([server], [], [], 0.05)[0]:
                threads.append(threading.Thread(target=carry, args=(server.accept()[0],)))
                threads[-1].start()

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        threads = [threading.Thread(target=accept, args=(server,))]
        threads[0].start()
        try:
            yield replace(database, port=server.getsockname()[1]), cut
        finally:
            ended.set()
            for each in threads:
                each.join(10)
            for line in lines:
                line.close()
