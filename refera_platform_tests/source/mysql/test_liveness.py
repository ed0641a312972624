"""A server that sorts for long is waited for; one that is stopped, cut off or silent for too long is given up."""

import os
import select
import signal
import socket
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pymysql
import pytest

from refera_platform.source.mysql import liveness, wire
from refera_platform.source.mysql.wire import closing_wire, open_wire
from refera_platform_tests.source.mysql.guarded_server import guarded as guarded


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
        closing_wire(open_wire(guarded)) as connection,
        stopped(guarded.ssl_ca.rpartition("/")[0]),
        connection.cursor() as cursor,
    ):
        began = time.monotonic()
        with pytest.raises(pymysql.OperationalError) as error:
            cursor.execute("select 1")
        assert time.monotonic() - began < 60
    told = wire.connection_error(guarded, error.value)
    assert told.is_transient
    assert "and the server answers no new session either" in str(told)
    assert str(told).endswith(": check that the server runs and that its address can be reached from here.")


def test_a_server_that_sorts_for_long_is_waited_for(guarded, attentive):
    """The twin: as silent as a stopped one, and it answers whoever asks besides."""
    with closing_wire(open_wire(guarded)) as connection, connection.cursor() as cursor:
        cursor.execute("show global status like 'Connections'")
        ((_, before),) = cursor.fetchall()
        cursor.execute("select sleep(3)")
        assert list(cursor.fetchall()) == [(0,)]
        cursor.execute("show global status like 'Connections'")
        ((_, after),) = cursor.fetchall()
    assert int(after) > int(before), "it was asked meanwhile"


def test_a_silence_that_is_too_long_ends_also_when_the_server_lives(guarded, attentive, monkeypatch):
    monkeypatch.setattr(wire, "SILENCE_TIMEOUT_SECONDS", 1)
    with (
        closing_wire(open_wire(guarded)) as connection,
        connection.cursor() as cursor,
        pytest.raises(pymysql.OperationalError, match="though the server answers others"),
    ):
        cursor.execute("select sleep(30)")


def test_a_path_that_carries_nothing_any_more_is_given_up_soon(guarded, quick):
    """A proxy, a tunnel or a firewall in between still takes what is sent, and passes nothing on."""
    with (
        through(guarded) as (address, cut),
        closing_wire(open_wire(address)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select 1")
        cut.set()
        with pytest.raises(pymysql.OperationalError, match="answers no new session either"):
            cursor.execute("select 1")


def test_a_refusal_is_a_sign_of_life(guarded, attentive):
    """A server whose sessions are all taken, or whose password was changed, still sorts."""
    peer = ("127.0.0.1", guarded.port)
    assert liveness.server_answers(peer, partial(wire._new_wire, replace(guarded, password="another")))
    stranger = guarded.ssl_ca.replace("server.pem", "stranger.pem")
    assert liveness.server_answers(peer, partial(wire._new_wire, replace(guarded, ssl_ca=stranger)))
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody:
        nowhere = nobody.getsockname()
    assert not liveness.server_answers(nowhere, partial(wire._new_wire, guarded))


def test_the_system_watches_the_other_end_of_each_connection(guarded):
    with closing_wire(open_wire(guarded)) as connection:
        line = connection._sock
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        found = {
            name: line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name))
            for name, _ in liveness.KEEPALIVE_OPTIONS
            if hasattr(socket, name)
        }
    assert found == {name: value for name, value in liveness.KEEPALIVE_OPTIONS if name in found}
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
