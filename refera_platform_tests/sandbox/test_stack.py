"""The private servers start, stop, survive and say what is wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path

import pymysql
import pytest

from refera_platform.errors import LocalStackError
from refera_platform.sandbox import stack
from refera_platform.sandbox.servers import mariadb, ports, process, seaweedfs
from refera_platform_tests.sandbox.conftest import Private, command_lines

UP = """
import pathlib, sys
from refera_platform.sandbox import stack
print(stack.start_stack(pathlib.Path(sys.argv[1])).mariadb.port)
"""


def pids(home: Path) -> list[int | None]:
    return [server.pid for server in stack.stack_status(home).servers]


@pytest.fixture
def kept(private: Private) -> Iterator[Private]:
    """A row and an object that should outlive whatever the test does."""
    private.ask("create or replace table kept (word varchar(20))")
    private.ask("insert into kept values ('stays')")
    private.bucket.put_object(Key="kept", Body=b"stays" * 100_000)
    yield private
    Private(private.home, stack.start_stack(private.home)).ask("drop table kept")


def assert_kept(before: Private) -> None:
    after = Private(before.home, stack.start_stack(before.home))
    assert after.ask("select word from kept") == [("stays",)]
    assert after.bucket.Object("kept").get()["Body"].read() == b"stays" * 100_000
    assert after.address.mariadb.reader == before.address.mariadb.reader
    assert after.address.s3.secret_key == before.address.s3.secret_key


def test_a_second_start_is_quick_and_starts_nothing(private: Private) -> None:
    said: list[str] = []
    before = pids(private.home)
    began = time.monotonic()
    address = stack.start_stack(private.home, said.append)
    assert time.monotonic() - began < 1
    assert (address, pids(private.home), said) == (private.address, before, [])


def test_the_data_survive_a_stop_and_a_start(kept: Private) -> None:
    identity = kept.ask("select @@server_id")
    stack.stop_stack(kept.home)
    assert pids(kept.home) == [None, None]
    assert not stack.stack_status(kept.home).is_running
    stack.stop_stack(kept.home)
    assert_kept(kept)
    assert kept.ask("select @@server_id") == identity


def test_the_data_survive_a_kill_of_both_servers(kept: Private) -> None:
    before = pids(kept.home)
    for pid in before:
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    assert_kept(kept)
    assert None not in pids(kept.home)
    assert not set(pids(kept.home)) & set(before)


def test_one_killed_server_is_started_beside_the_other(kept: Private) -> None:
    database, store = pids(kept.home)
    assert store is not None
    os.kill(store, signal.SIGKILL)
    assert_kept(kept)
    assert pids(kept.home)[0] == database


def test_ports_taken_by_others_are_picked_again(kept: Private) -> None:
    stack.stop_stack(kept.home)
    theirs = [kept.address.mariadb.port, seaweedfs.port_block(kept.address.s3.first_port)[3]]
    said: list[str] = []
    with socket.create_server(("127.0.0.1", theirs[0])), socket.create_server(("127.0.0.1", theirs[1])):
        moved = stack.start_stack(kept.home, said.append)
        assert [f"Port {port} is taken" in line for port, line in zip(theirs, said, strict=False)] == [
            True,
            True,
        ]
        assert moved.mariadb.port != kept.address.mariadb.port
        assert moved.s3.endpoint != kept.address.s3.endpoint
        assert_kept(kept)


def test_ports_lost_between_the_look_and_the_start_are_picked_again(
    private: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.stop_stack(private.home)
    theirs = [private.address.mariadb.port, private.address.s3.first_port]
    looks: list[Collection[int]] = []

    def blind_at_first(wanted: Collection[int]) -> int | None:
        looks.append(wanted)
        return None if len(looks) <= 2 else next((port for port in wanted if not ports.is_free(port)), None)

    monkeypatch.setattr(ports, "first_taken", blind_at_first)
    with socket.create_server(("127.0.0.1", theirs[0])), socket.create_server(("127.0.0.1", theirs[1])):
        moved = stack.start_stack(private.home)
        assert moved.mariadb.port != theirs[0]
        assert moved.s3.first_port != theirs[1]
        assert stack.stack_status(private.home).is_running


def test_every_port_lies_below_the_range_of_outgoing_connections(private: Private) -> None:
    wanted = [private.address.mariadb.port, *seaweedfs.port_block(private.address.s3.first_port)]
    assert max(wanted) < 32_768
    assert not ports.is_free(private.address.mariadb.port)
    assert not any(ports.is_free(port) for port in wanted[1:8])
    assert all(
        ports.pick_free_port(seaweedfs.PORT_OFFSETS.values()) + max(seaweedfs.PORT_OFFSETS.values()) < 32_768
        for _ in range(50)
    )


def test_a_foreign_process_behind_a_stale_number_is_left_alone(private: Private) -> None:
    idle = [sys.executable, "-c", "import time; time.sleep(60)"]
    # one has the number that MariaDB left in its file, the other even the argument that marks our server
    with (
        subprocess.Popen(idle) as first,
        subprocess.Popen([*idle, mariadb.mariadb_daemon(private.home).identifying_argument]) as second,
    ):
        (private.home / "mariadb" / "mariadbd.pid").write_text(str(first.pid))
        stack.stop_stack(private.home)
        assert (pids(private.home), first.poll(), second.poll()) == ([None, None], None, None)
        first.kill()
        second.kill()


def test_two_starts_at_once_make_one_stack_that_outlives_them(tmp_path: Path) -> None:
    # too deep for the name of a socket, and with blanks and accents
    home = tmp_path / "área de trabalho" / ("x" * 60) / ("y" * 60)
    starts = [subprocess.Popen([sys.executable, "-c", UP, str(home)], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        told = [start.communicate()[0] for start in starts]
        assert [start.returncode for start in starts] == [0, 0]
        assert told[0] == told[1]
        assert command_lines().count(f"{mariadb.mariadb_daemon(home).identifying_argument} ") == 1
        assert command_lines().count(f"{seaweedfs.seaweedfs_daemon(home).identifying_argument} ") == 1
        assert stack.stack_status(home).is_running
    finally:
        stack.stop_stack(home, wipe=True)
    assert not home.exists()


def test_a_lost_address_file_is_made_anew_and_the_data_stay(kept: Private) -> None:
    (kept.home / "stack.json").unlink()
    after = Private(kept.home, stack.start_stack(kept.home))
    assert after.address.mariadb.admin.password != kept.address.mariadb.admin.password
    assert after.ask("select word from kept") == [("stays",)]
    assert after.bucket.Object("kept").content_length == 500_000


def test_the_state_tells_other_clients_how_to_enter(private: Private) -> None:
    told = json.loads(json.dumps(stack.stack_status(private.home).to_json()))
    database, store = told["servers"]["mariadb"], told["servers"]["seaweedfs"]
    assert (told["running"], database["running"], store["running"]) == (True, True, True)
    assert Path(database["data"]).is_dir()
    assert Path(store["log"]).is_file()
    assert 0 <= database["uptime_seconds"] < 3600
    assert store["endpoint"] == private.address.s3.endpoint
    reader = database["reader"]
    assert reader["url"] == (
        f"mysql://{reader['user']}:{reader['password']}@127.0.0.1:{database['port']}/classicmodels"
    )
    with pymysql.connect(unix_socket=database["socket"], user=reader["user"], password=reader["password"]):
        pass
    never = stack.stack_status(private.home / "never").to_json()
    assert never["servers"]["mariadb"]["running"] is False
    assert "password" not in json.dumps(never)


def test_the_reader_reads_and_follows_the_log_but_writes_nothing(private: Private) -> None:
    private.ask("create or replace table open_to_all (word varchar(20))")
    reader = private.address.mariadb.reader
    assert private.ask("select * from open_to_all", reader) == []
    assert private.ask("show master status", reader)
    for forbidden in (
        "insert into open_to_all values ('x')",
        "select * from mysql.global_priv",
        "create table t (i int)",
    ):
        with pytest.raises(pymysql.MySQLError, match="denied"):
            private.ask(forbidden, reader)
    private.ask("drop table open_to_all")


def test_changes_are_logged_with_their_dates_rows_and_column_names(private: Private) -> None:
    wanted = {
        "log_bin": "ON",
        "binlog_format": "ROW",
        "binlog_row_image": "FULL",
        "binlog_row_metadata": "FULL",
        "gtid_strict_mode": "ON",
        "time_zone": "+00:00",
        "character_set_server": "utf8mb4",
    }
    assert {name: value for name, value in private.ask("show variables") if name in wanted} == wanted
    private.ask("create or replace table dated (i int)")
    now = private.ask("select unix_timestamp()")[0][0]
    with (
        pymysql.connect(
            host="127.0.0.1",
            port=private.address.mariadb.port,
            database="classicmodels",
            autocommit=True,
            user=private.address.mariadb.admin.user,
            password=private.address.mariadb.admin.password,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("set timestamp = 1000000000")
        cursor.execute("insert into dated values (unix_timestamp())")
    assert private.ask("select i from dated") == [(1_000_000_000,)]
    assert private.ask("select unix_timestamp()")[0][0] - now < 60
    private.ask("drop table dated")


def test_secrets_are_in_files_of_their_owner_and_in_no_command_line(private: Private) -> None:
    database, store = private.address.mariadb, private.address.s3
    secrets = [database.admin.password, database.reader.password, database.root.password, store.secret_key]
    assert private.home.stat().st_mode & 0o777 == 0o700
    for file in private.home.rglob("*"):
        if (
            file.is_file()
            and file.stat().st_size < 1 << 20
            and any(each.encode() in file.read_bytes() for each in secrets)
        ):
            assert (file.name, file.stat().st_mode & 0o077) in {("stack.json", 0), ("s3.json", 0)}
    seen = command_lines()
    assert mariadb.mariadb_daemon(private.home).identifying_argument in seen
    assert not [each for each in secrets if each in seen]
    assert not [each for each in secrets if each in repr(private.address) + repr(stack.stack_status(private.home))]


def test_a_wipe_forgets_everything_of_ours_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "home"
    for ours in ("mariadb/data", "seaweedfs/data", "logs", "scratch", "dagster"):
        (home / ours).mkdir(parents=True)
    for file in ("sample.json", "letters.txt"):
        (home / file).write_text("{}")
    with pytest.raises(LocalStackError, match=r"'letters.txt' and no stack\.json"):
        stack.stop_stack(home, wipe=True)
    assert (home / "mariadb" / "data").is_dir()
    (home / "stack.json").write_text("{}")
    stack.stop_stack(home, wipe=True)
    assert [entry.name for entry in home.iterdir()] == ["letters.txt"]
    stack.stop_stack(home / "never", wipe=True)


def test_a_server_that_dies_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "mariadb" / "data").mkdir(parents=True)
    (home / "mariadb" / "data" / "refera.server_id").write_text("1")
    try:
        with pytest.raises(LocalStackError, match=r"MariaDB stopped while starting: .*mysql\.\w+.*mariadb\.log"):
            stack.start_stack(home)
    finally:
        stack.stop_stack(home, wipe=True)


@pytest.mark.skipif(not Path("/bin/ps").exists(), reason="this machine has no ps")
def test_servers_are_recognised_without_a_proc_file_system_too(
    private: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = mariadb.mariadb_daemon(private.home)
    pid, uptime = process.pid_of(server), process.uptime_seconds(process.pid_of(server) or 0)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert pid == process.pid_of(server)
    assert process.is_alive(pid or 0)
    assert process.uptime_seconds(pid or 0) == pytest.approx(uptime, abs=2)
    assert process.pid_of(mariadb.mariadb_daemon(private.home / "never")) is None
    assert not process.is_alive(2**22 + 1)


def test_a_server_that_does_not_answer_is_not_waited_for_without_end(private: Private) -> None:
    server = mariadb.mariadb_daemon(private.home)
    pid = process.pid_of(server)
    assert pid is not None
    with pytest.raises(LocalStackError, match=r"did not answer within 0 s \(not yet\).*mariadb\.log"):
        process.await_ready(server, pid, lambda: "not yet", timeout_seconds=0)


@pytest.mark.parametrize("name", ["mariadbd", "mariadb-install-db"])
def test_a_missing_program_is_named_with_its_remedy(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mariadb, "PROGRAM_FOLDERS", ())
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(LocalStackError, match=f"{name} was not found.*make setup.*apt-get install"):
        mariadb.mariadb_program(name)


@pytest.mark.parametrize(
    ("place", "words"),
    [("file", "Not a directory|File exists"), ("file/below", "Not a directory"), ("clone", "of its own")],
)
def test_a_home_that_cannot_be_one_is_refused(place: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    with pytest.raises(LocalStackError, match=words):
        stack.start_stack(tmp_path / place)


def test_a_full_disk_is_told_before_a_server_hangs_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("refera_platform.sandbox.folder.FIRST_START_FREE_BYTES", 1 << 60)
    with pytest.raises(LocalStackError, match=r"MB are free .* free disk space"):
        stack.start_stack(tmp_path / "home")


def test_a_damaged_address_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"mariadb": {}}')
    with pytest.raises(LocalStackError, match=r"stack\.json does not describe a stack: remove it"):
        stack.start_stack(tmp_path)
