"""What the doctor prints is true: its statements suffice, its exit code counts, and it tells no secret."""

import json
import os
import signal
import time
from contextlib import closing, contextmanager
from dataclasses import replace

import pymysql
import pytest
from typer.testing import CliRunner

from refera_platform.cli import doctor
from refera_platform.cli.doctor import diagnosis_as_json
from refera_platform.cli.main import app
from refera_platform.doctor.preflight import diagnose, examine_stage
from refera_platform.errors import SettingError
from refera_platform.project.load import load_project
from refera_platform.sandbox import stack
from refera_platform.source.doctor.finding import Finding, Verdict
from refera_platform.source.table import Strategy
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables
from refera_platform_tests.local_stack import captures

COMPARED = tuple(replace(table, strategy=Strategy.COMPARE) for table in declared_tables())


@pytest.fixture
def typed(home, monkeypatch):
    """Runs a command as a person types it, in this process."""
    monkeypatch.setenv("REFERA_HOME", str(home))
    monkeypatch.setenv("REFERA_STAGE", "test")
    return lambda *words, **options: CliRunner().invoke(app, list(words), **options)


def test_a_stage_that_is_well_exits_with_nothing_to_mend(typed, home, shop):
    done = typed("doctor", "--format", "json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["well"]) == (0, True)
    assert {each["verdict"] for each in told["findings"]} <= {"ok", "warn"}
    abouts = {each["about"] for each in told["findings"]}
    assert {
        "lake: list",
        "warehouse: write",
        "lake: one writer at a time",
        "lake: clock",
        "classicmodels: address",
        "classicmodels: port",
        "classicmodels: login",
        "classicmodels: encryption",
        "classicmodels: server",
        "classicmodels: clock",
        "classicmodels.orders",
        "classicmodels: binlog settings",
        "classicmodels: binlog retention",
        "classicmodels: privileges",
        "disk: scratch",
    } <= abouts
    address = stack.stack_status(home).address
    assert not any(secret in done.output for secret in (address.mariadb.reader.password, address.s3.secret_key))


def test_what_failed_is_told_and_exits_with_one(typed, shop):
    shop.run("drop table payments")
    done = typed("doctor")
    assert done.exit_code == 1
    assert "classicmodels.payments" in done.stdout
    assert "FAIL" in done.stdout
    assert "GRANT SELECT ON `classicmodels`.`payments` TO `refera_reader`@`127.0.0.1`;" in done.stdout
    assert " 1 fail" in done.stderr
    refused = typed("doctor", "--format", "xml")
    assert isinstance(refused.exception, SettingError)
    assert "choose table or json" in str(refused.exception)


def test_the_statements_that_are_printed_are_enough_and_not_more(stage, home, shop):
    server = stack.stack_status(home).address.mariadb
    stage = replace(stage, clock=replace(stage.clock, fixed=None))
    with (
        closing(
            pymysql.connect(unix_socket=server.socket, user="root", password=server.root.password, autocommit=True)
        ) as root,
        root.cursor() as cursor,
    ):
        cursor.execute("create user least@'127.0.0.1' identified by 'least'")
        try:
            for statement in diagnose(stage, declared_tables()).grants["classicmodels"]:
                cursor.execute(statement.replace("`refera_reader`@`127.0.0.1`", "least@'127.0.0.1'").rstrip(";"))
            least = replace(stage.databases["classicmodels"], user="least", password="least")
            least = replace(stage, databases={"classicmodels": least})
            found = diagnose(least, declared_tables())
            assert [each for each in found.findings if each.verdict is not Verdict.OK] == []
            assert (
                found.grants["classicmodels"][-1]
                == "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `least`@`127.0.0.1`;"
            )
            assert all(came.agrees for came in captures(least, declared_tables(), TODAY))
            compared = diagnose(least, COMPARED)
        finally:
            cursor.execute("drop user least@'127.0.0.1'")
    (more,) = [each for each in compared.findings if each.verdict is not Verdict.OK]
    assert "may do more than it needs: REPLICATION SLAVE on *.*, BINLOG MONITOR on *.*" in more.found


def test_a_database_that_cannot_be_reached_does_not_hide_the_rest(stage, shop):
    away = replace(stage.databases["classicmodels"], port=1)
    found = diagnose(replace(stage, databases={"classicmodels": away}), declared_tables())
    assert not found.is_healthy
    assert [each.about for each in found.findings if each.verdict is Verdict.FAIL] == ["classicmodels: port"]
    assert found.findings[-1].about == "disk: scratch"
    assert diagnosis_as_json(found)["grants"] == {}


def test_a_position_that_was_captured_is_looked_for_in_the_log(stage, shop):
    stage = replace(stage, clock=replace(stage.clock, fixed=None))
    captures(stage, declared_tables(), TODAY)
    place = [
        each for each in diagnose(stage, declared_tables()).findings if each.about == "classicmodels: binlog position"
    ]
    assert [each.verdict for each in place] == [Verdict.OK]


def test_discover_writes_a_new_file_and_never_over_another(typed, home, shop, tmp_path):
    address = stack.stack_status(home).address.mariadb
    url, path = address.url(address.reader), tmp_path / "dbt/models/shop.yml"
    path.parent.mkdir(parents=True)
    (tmp_path / "dbt/dbt_project.yml").write_text("name: shop\n")
    done = typed("discover", "-", "--schema-name", "shop", "--output", str(path), input=f"{url}\n")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "8 tables declared, 0 left out" in done.stderr
    assert {table.address for table in load_project(tmp_path / "dbt").tables} == {
        f"shop.{table.name}" for table in declared_tables()
    }
    again = typed("discover", url, "--output", str(path))
    assert "already exists, and is not overwritten" in str(again.exception)
    assert typed("discover", url, "--schema-name", "shop").stdout == path.read_text()
    for words in (
        ["discover", "-", "--schema-name", "No Name"],
        ["discover", "-", "--output", str(tmp_path / "a" / "b")],
    ):
        refused = typed(*words, input=f"{url}\n")
        assert isinstance(refused.exception, SettingError)
        assert address.reader.password not in str(refused.exception) + refused.output
    assert "The URL is not a database URL" in str(typed("discover", "nonsense").exception)


@contextmanager
def frozen(home, name):
    """A server of the stack stopped in its tracks: it has a number, its port takes connections, and nothing answers."""
    (server,) = [one for one in stack.stack_status(home).servers if one.name == name]
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize(
    ("name", "red"),
    [("SeaweedFS", {"lake: list", "warehouse: list"}), ("MariaDB", {"classicmodels: login"})],
)
def test_a_frozen_server_is_asked_once_for_five_seconds_and_the_rest_is_told(stage, shop, home, typed, name, red):
    """Issue 16, 22: nothing was printed for 150 seconds, and the status said that all was running."""
    with frozen(home, name):
        began = time.monotonic()
        found = [
            (each, time.monotonic() - began)
            for each in examine_stage(stage, declared_tables())
            if isinstance(each, Finding)
        ]
        took = time.monotonic() - began
        shown = typed("status")
        told = json.loads(typed("status", "--format", "json").stdout)
    assert {each.about for each, _ in found if each.verdict is Verdict.FAIL} == red
    assert took < 15, "one wait of five seconds, and what a busy machine adds"
    if name == "MariaDB":
        assert found[0][1] < took - 4, "the lake's findings do not wait for the database"
    assert shown.exit_code == 1
    assert "does not answer" in shown.stdout
    assert "running" in shown.stdout, "the other one does"
    assert (told["running"], told["servers"][name.lower()]["answers"]) == (False, False)
    assert told["servers"][name.lower()]["running"], "its process is there"


def test_each_finding_is_printed_when_it_is_made(stage, shop, monkeypatch, capsys):
    printed = []

    def watched(*asked):
        for each in examine_stage(*asked):
            yield each
            printed.append(capsys.readouterr().out)

    monkeypatch.setattr(doctor, "iter_stage_findings", watched)
    assert doctor.print_diagnosis(stage, declared_tables()).is_healthy
    assert "lake: list" in printed[0]
    assert "classicmodels: login" not in "".join(printed[:3])
