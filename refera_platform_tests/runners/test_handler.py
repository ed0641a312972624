"""The handler of the function: what it does for an event, and what it says when it does not."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from refera_platform.errors import DayRefused, LakeError, ReferaError, SettingError, SourceError
from refera_platform.ingest.snapshot.chunk_staging import stage_chunk
from refera_platform.lake import layout
from refera_platform.lake.lake import Lake
from refera_platform.project.compiled import write_compiled_tables
from refera_platform.runners.aws_lambda import ingest
from refera_platform.runners.aws_lambda.handler import PassingError, handler
from refera_platform.source.mysql.server.mariadb import MariaDB
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables, find_table
from refera_platform_tests.ingest.logged_tables import differences_of, raw_of, states_of
from refera_platform_tests.ingest.test_stream_changes import root_session, server
from refera_platform_tests.local_stack import captures
from refera_platform_tests.runners.calls import Context, tell, variables

__all__ = ["server"]
ASKED = {"database": "classicmodels", "stage": "production"}
DAY = {**ASKED, "days": [str(TODAY)]}
LINES = find_table("orderdetails")


@pytest.fixture
def told(stage, tmp_path, monkeypatch):
    """The environment of the function, and nothing of this process's own."""

    def telling(**more: str) -> None:
        places = {"REFERA_HOME": str(tmp_path / "home"), "REFERA_PROJECT": str(tmp_path)}
        tell(monkeypatch, variables(stage, **places, **more))

    write_compiled_tables(tmp_path, declared_tables())
    telling()
    return telling


def lines_of(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_day_of_every_table(stage, shop, told, capsys) -> None:
    answer = handler(DAY, Context())
    assert set(answer["tables"]) == {table.address for table in declared_tables()}
    assert answer["tables"]["classicmodels.orderdetails"]["days"][str(TODAY)]["rows"] == 5
    assert all(told["agrees"] for told in answer["tables"].values())
    assert differences_of(stage) == {}
    json.dumps(answer)
    lines = lines_of(capsys)
    assert [line["message"] for line in lines] == ["begun", *["captured"] * 8, "done"]
    assert {line["request_id"] for line in lines} == {Context.aws_request_id}
    assert stage.databases["classicmodels"].password not in json.dumps(lines)


def test_the_same_event_twice_changes_no_row(stage, shop, told) -> None:
    handler(DAY, Context())
    before = {table.name: raw_of(stage, table, "*") for table in declared_tables()}
    assert len(before["orderdetails"]) == 5
    handler(DAY, Context())
    assert {table.name: raw_of(stage, table, "*") for table in declared_tables()} == before


def test_a_schedule_captures_the_day_before_it_and_what_was_missed(stage, shop, told) -> None:
    days = [TODAY - timedelta(days=each) for each in (2, 1, 0)]
    shop.at(days[0])
    captures(stage, [LINES], days[0])
    shop.at(days[1])
    shop.run("update orderdetails set quantityOrdered = 5 where orderNumber = 100")
    told(REFERA_NOW=f"{TODAY}T00:30:00+00:00")
    handler({**ASKED, "scheduled_at": f"{TODAY}T00:30:00Z"}, Context())
    assert list(states_of(stage, LINES)) == days[:2]
    assert states_of(stage, LINES)[days[0]].is_closed
    assert list(states_of(stage, "orders")) == [days[1]], "a table that begins has no past"


def test_a_schedule_that_comes_late_still_means_its_own_day(stage, shop, told) -> None:
    told(REFERA_NOW=f"{TODAY}T23:50:00+00:00")
    handler({**ASKED, "tables": ["orders"], "scheduled_at": f"{TODAY}T00:30:00Z"}, Context())
    assert list(states_of(stage, "orders")) == [TODAY - timedelta(days=1)]


def test_a_refused_table_fails_the_call_and_the_others_are_committed(stage, shop, told, capsys) -> None:
    shop.run("drop table payments")
    with pytest.raises(
        LakeError, match=r"1 tables were refused, and the others are committed: Table .*payments does not exist"
    ):
        handler(DAY, Context())
    assert list(states_of(stage, "orders")) == [TODAY]
    assert [line["table"] for line in lines_of(capsys) if line["message"] == "refused"] == ["classicmodels.payments"]


def test_a_newest_object_that_cannot_be_read_keeps_no_other_table_from_its_day(stage, shop, told) -> None:
    told(REFERA_NOW=f"{TODAY}T23:50:00+00:00")
    day = TODAY - timedelta(days=1)
    Lake(stage).objects.write(layout.raw_object_key(find_table("payments"), day - timedelta(days=1)), b"no Parquet")
    with pytest.raises(LakeError, match="1 tables were refused, and the others are committed"):
        handler({**ASKED, "tables": ["payments", "orders"], "scheduled_at": f"{TODAY}T00:30:00Z"}, Context())
    assert list(states_of(stage, "orders")) == [day]


def test_what_may_pass_says_so_by_its_name(stage, shop, told, home) -> None:
    told(REFERA_CLASSICMODELS_URL="mariadb://reader:hush@127.0.0.1:1/classicmodels")
    with pytest.raises(PassingError) as refused:
        handler(DAY, Context())
    assert ":hush@" not in str(refused.value)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({**DAY, "stage": "test"}, "is for stage 'test', and this function is of stage production"),
        ({**DAY, "days": ["2026-03-11"]}, "has not begun"),
        ({**DAY, "DAGSTER_PIPES_CONTEXT": "hostile"}, "parameters of Dagster Pipes cannot be read"),
        ({**DAY, "DAGSTER_PIPES_CONTEXT": 7, "DAGSTER_PIPES_MESSAGES": None}, "Pipes cannot be read"),
        ("text", "not a JSON object"),
    ],
)
def test_an_event_that_is_refused(stage, shop, told, event, said) -> None:
    with pytest.raises(ReferaError) as refused:
        handler(event, Context())
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"days": ["2026-03-11"]}, "Day 2026-03-11 has not begun"),
        ({"days": ["1999-01-01"]}, "is before 2026-01-01"),
        ({"scheduled_at": "2199-01-01T00:00:00Z"}, "more than a day after now"),
    ],
)
def test_a_day_that_is_refused_by_rule_asks_nothing_of_the_source(stage, told, capsys, asked, said) -> None:
    told(REFERA_CLASSICMODELS_URL="mariadb://reader:hush@127.0.0.1:1/classicmodels")  # nobody listens there
    with pytest.raises(DayRefused, match=said):
        handler({**ASKED, **asked}, Context())
    assert [line["message"] for line in lines_of(capsys)] == ["failed"]


def test_a_function_that_was_told_nothing_says_what_it_needs(told, monkeypatch) -> None:
    monkeypatch.delenv("REFERA_LAKE")
    with pytest.raises(SettingError, match="needs REFERA_LAKE"):
        handler(DAY, Context())


def test_a_large_table_is_read_in_pieces_as_long_as_there_is_time(stage, shop, told, capsys) -> None:
    told(REFERA_PIECE_ROWS="2")
    only = {**DAY, "tables": ["orderdetails"]}
    with pytest.raises(PassingError, match=r"0 of 3 chunks of .* are read, and there is no time"):
        handler(only, Context(seconds=60))
    shop.run("delete from orderdetails where orderNumber = 104")
    assert handler(only, Context())["tables"]["classicmodels.orderdetails"]["days"][str(TODAY)]["rows"] == 4
    assert [line["piece"] for line in lines_of(capsys) if line["message"] == "piece"] == [0, 1, 2]
    assert differences_of(stage, [LINES]) == {}


@dataclass
class RunningOut(Context):
    """A call whose time is nearly over at its second question."""

    asked: int = 0

    def get_remaining_time_in_millis(self) -> int:
        self.asked += 1
        return 900_000 if self.asked < 2 else 1_000


def test_a_large_table_keeps_no_other_from_its_day(stage, shop, told) -> None:
    told(REFERA_PIECE_ROWS="2")
    small = [find_table(name) for name in ("offices", "productlines", "products", "payments")]
    captures(stage, small, TODAY - timedelta(days=1))
    shop.run("insert into payments values (10, 'C9', '2026-03-09', '1.00')")
    with pytest.raises(PassingError, match="chunks of"):
        handler(DAY, Context(seconds=60))
    assert all(TODAY in states_of(stage, table) for table in small)
    assert set(handler(DAY, Context())["tables"]) == {table.address for table in declared_tables()}
    assert differences_of(stage) == {}


def test_pieces_that_are_wanted_again_are_no_success(stage, shop, told, monkeypatch) -> None:
    told(REFERA_PIECE_ROWS="2")

    def read_and_altered(*asked):
        done = stage_chunk(*asked)
        if done.number == 2:
            shop.run("alter table orderdetails add column note varchar(9)")
        return done

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(ingest, "stage_chunk", read_and_altered)
        with pytest.raises(PassingError, match="orderdetails were read, and 3 must be read again"):
            handler({**DAY, "tables": ["orderdetails", "offices"]}, Context())
    assert states_of(stage, LINES) == {}
    assert handler(DAY, Context())["tables"]["classicmodels.orderdetails"]["agrees"]


def test_who_has_nobody_listening_fails_when_lake_and_source_differ(stage, shop, told, capsys, server) -> None:
    handler({**DAY, "tables": ["orders", "payments"]}, Context())
    with root_session(server, "set session sql_log_bin = 0"):
        server.execute("update payments set amount = 3 where checkNumber = 'C1'")
    with pytest.raises(LakeError, match=r"differs from the source: classicmodels\.payments .*checkNumber"):
        handler({**DAY, "tables": ["orders", "payments"]}, Context())
    assert [line["table"] for line in lines_of(capsys) if line["message"] == "differs"] == ["classicmodels.payments"]
    assert handler({**DAY, "tables": ["payments"], "afresh": ["payments"]}, Context())
    assert differences_of(stage, [find_table("orders"), find_table("payments")]) == {}


def test_a_difference_stands_until_somebody_has_compared_anew(stage, shop, told, server) -> None:
    yesterday = TODAY - timedelta(days=1)
    payments = find_table("payments")
    shop.at(yesterday)
    captures(stage, [payments], yesterday)
    with root_session(server, "set session sql_log_bin = 0"):
        server.execute("delete from payments where checkNumber = 'C1'")
    shop.at(TODAY)
    told(REFERA_NOW=f"{TODAY}T00:30:00+00:00")
    event = {**ASKED, "tables": ["payments", "orders"], "scheduled_at": f"{TODAY}T00:30:00Z"}
    for _ in range(3):  # as Lambda calls again: the day is closed by then, and nothing is compared
        with pytest.raises(LakeError, match="payments has 3 rows in the lake and 2 at the source") as failed:
            handler(event, Context())
        assert type(failed.value) is LakeError
    handler({**DAY, "tables": ["payments"], "afresh": ["payments"]}, Context())
    assert not list(Lake(stage).objects.list("_staging/"))
    assert handler(event, Context())["tables"]["classicmodels.payments"]["agrees"]
    assert differences_of(stage, [payments]) == {}


def test_what_is_committed_while_an_inexact_snapshot_begins_is_no_difference(stage, shop, told, monkeypatch) -> None:
    payments = find_table("payments")
    captures(stage, [payments], TODAY)
    genuine = MariaDB.begin_snapshot

    def overtaken(self):
        before = genuine(self)
        self._ask("rollback")
        shop.run("insert into payments values (12, 'N1', '2026-03-10', 1)")
        genuine(self)
        return replace(before, is_exact=False)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(MariaDB, "begin_snapshot", overtaken)
        assert handler({**DAY, "tables": ["payments"]}, Context())["tables"][payments.address]["agrees"]
    assert handler({**DAY, "tables": ["payments"]}, Context())["tables"][payments.address]["agrees"]
    assert differences_of(stage, [payments]) == {}


def test_a_long_pass_keeps_no_piece_from_being_read(stage, shop, told, monkeypatch) -> None:
    told(REFERA_PIECE_ROWS="2")
    clock = iter(range(0, 10**6, 400))
    monkeypatch.setattr(ingest, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(PassingError, match="1 of 3 chunks"):
        handler({**DAY, "tables": ["orderdetails"]}, Context(seconds=500))
    assert handler({**DAY, "tables": ["orderdetails"]}, Context(seconds=900))
    assert differences_of(stage, [LINES]) == {}


def test_a_comparison_that_failed_fails_its_call_and_none_after_it(stage, shop, told, monkeypatch) -> None:
    captures(stage, [LINES], TODAY)

    def broken(**_):
        raise SourceError("The server went away.")

    only = {**DAY, "tables": ["orderdetails"]}
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("refera_platform.reconcile.values.Checksums", broken)
        with pytest.raises(LakeError, match=r"values of classicmodels\.orderdetails could not be compared"):
            handler(only, Context())
    assert handler(only, Context())["tables"]["classicmodels.orderdetails"]["agrees"]
    assert not list(Lake(stage).objects.list("_staging/"))


def test_a_downtime_is_made_up_day_by_day_as_long_as_there_is_time(stage, shop, told, capsys) -> None:
    days = [TODAY - timedelta(days=each) for each in (4, 3, 2, 1)]
    shop.at(days[0])
    captures(stage, [LINES], days[0])
    for number, day in enumerate(days[1:]):
        shop.at(day)
        shop.run("update orderdetails set quantityOrdered = %s where orderNumber = 100", (40 + number,))
    shop.at(TODAY)
    told(REFERA_NOW=f"{TODAY}T00:30:00+00:00")
    event = {**ASKED, "tables": ["orderdetails", "orders"], "scheduled_at": f"{TODAY}T00:30:00Z"}
    with pytest.raises(PassingError, match=f"no time for day {days[2]}"):
        handler(event, RunningOut())
    assert list(states_of(stage, LINES)) == days[:2]
    assert all(state.is_closed for state in states_of(stage, LINES).values())
    answer = handler(event, Context())["tables"]["classicmodels.orderdetails"]
    assert {day: told["added"] for day, told in answer["days"].items()} == {str(day): {"u": 2} for day in days[2:]}
    assert list(states_of(stage, LINES)) == days
    assert differences_of(stage, [LINES, find_table("orders")]) == {}


def test_the_doctor_of_the_function_looks_at_what_it_reads_and_writes(stage, shop, told) -> None:
    found = handler({"operation": "doctor", "stage": "production"}, Context())
    about = {each["about"] for each in found["findings"]}
    assert {"lake: write", "classicmodels: privileges"} <= about
    assert not any(each.startswith("warehouse") for each in about)
    assert not list(Lake(stage).objects.list())


def test_how_long_the_log_is_kept(stage, shop, told) -> None:
    handler({**DAY, "tables": ["orders"]}, Context())
    found = handler({"operation": "log", **ASKED, "tables": ["orders", "payments"]}, Context())
    assert found["classicmodels.orders"]["was_read"]
    assert not found["classicmodels.payments"]["was_read"]
