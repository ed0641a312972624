"""MySQL's dialect, on the statements and answers of its manual: none could be run where this was written."""

import pytest

from refera_platform.errors import SourceError
from refera_platform.source.mysql.server.detection import detect_server
from refera_platform.source.mysql.server.mysql import (
    IN_FLIGHT_WAIT_SECONDS,
    MAX_COMMIT_POLLS,
    MAX_SNAPSHOT_ATTEMPTS,
    MySQL,
)
from refera_platform.source.position import Position

pytestmark = pytest.mark.unit

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
OTHER = "00000000-71ca-11e1-9e33-c80aa9429562"
BEGIN = "start transaction with consistent snapshot, read only"
NAMES = {
    "8.0.36": "show master status",
    "8.4.2": "show binary log status",
    "5.7.44-log": "show master status",
}


class Server:
    """Answers as MySQL does; the end of its log is the next of ``ends`` each time."""

    def __init__(self, version, ends=(), refuses=None, owned=(), gtid_mode="ON"):
        self.version = version
        self.owned = list(owned)
        self.gtid_mode = gtid_mode
        self.ends = list(ends)
        self.refuses = refuses
        self.heard = []

    def ask(self, sql):
        if sql == "select version()":
            return [(self.version,)]
        if sql == "select @@global.gtid_mode":
            return [(self.gtid_mode,)]
        if sql == "select @@global.gtid_owned":
            return [(self.owned.pop(0) if self.owned else "",)]
        self.heard.append(sql)
        if sql == NAMES[self.version]:
            if self.refuses:
                raise self.refuses
            return self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        answers = {
            BEGIN: [],
            "select @@server_uuid": [(UUID,)],
            "show binary logs": [("binlog.000014", 177, "No"), ("binlog.000015", 1234, "No")],
        }
        if sql.startswith("show global variables"):
            return [("binlog_format", "ROW"), ("Binlog_Row_Value_Options", "PARTIAL_JSON")]
        return answers[sql]


def end(offset, gtids=f"{UUID}:1-5"):
    return [("binlog.000015", offset, "", "", gtids)]


def test_it_is_recognised_and_told_from_every_other_server():
    server = detect_server(Server("8.0.36").ask)
    assert isinstance(server, MySQL)
    assert (server.kind, server.identity()) == ("mysql", f"mysql:{UUID}")


@pytest.mark.parametrize("version", NAMES)
def test_a_quiet_server_gives_an_exact_place_by_the_statement_of_its_release(version):
    server = Server(version, [end(1234)])
    cut = MySQL(server.ask).begin_snapshot()
    assert cut.position == Position(file="binlog.000015", offset=1234, gtid=f"{UUID}:1-5")
    assert cut.is_exact
    assert server.heard == [NAMES[version], BEGIN, NAMES[version]]


def test_gtids_that_are_told_on_several_lines_are_one_text():
    server = Server("8.4.2", [end(4, f"{UUID}:1-5,\n4e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:7")])
    assert MySQL(server.ask).begin_snapshot().position.gtid == (
        f"{UUID}:1-5,4e11fa47-71ca-11e1-9e33-c80aa9429562:1-3:7"
    )


def test_a_commit_in_between_begins_the_snapshot_again():
    server = Server("8.0.36", [end(100), end(200), end(200), end(200)])
    cut = MySQL(server.ask).begin_snapshot()
    assert (cut.position.offset, cut.is_exact) == (200, True)
    assert server.heard.count(BEGIN) == 2


def test_what_is_in_the_log_and_not_yet_committed_is_waited_for():
    owned = [f"{UUID}:6#21:7#22,\n{OTHER}:3#9", f"{UUID}:6#21:8#30", f"{UUID}:6#21", f"{UUID}:9#21"]
    server, pauses = Server("8.0.36", [end(1234)], owned=owned), []
    cut = MySQL(server.ask, pauses.append).begin_snapshot()
    assert cut.is_exact
    assert len(pauses) == 3, "the ninth began after the look at the log, and need not be waited for"
    assert server.heard == [NAMES["8.0.36"], BEGIN, NAMES["8.0.36"]]


def test_a_replica_that_is_waited_for_without_end_is_an_error_and_no_snapshot():
    server = Server("8.0.36", [end(1234)], owned=[f"{UUID}:6#21"] * (MAX_COMMIT_POLLS + 1))
    with pytest.raises(SourceError, match="1 transactions are in the binlog and not yet committed") as error:
        MySQL(server.ask, lambda seconds: None).begin_snapshot()
    assert error.value.is_transient
    assert BEGIN not in server.heard


def test_without_gtids_what_may_be_on_its_way_is_given_time_once():
    server, pauses = (
        Server("8.0.36", [end(offset) for offset in range(100, 200)], gtid_mode="OFF_PERMISSIVE"),
        [],
    )
    cut = MySQL(server.ask, pauses.append).begin_snapshot()
    assert (cut.position.offset, cut.is_exact) == (100, False)
    assert pauses == [IN_FLIGHT_WAIT_SECONDS]


def test_a_server_that_is_never_quiet_gives_a_place_before_its_view():
    server = Server("8.0.36", [end(offset) for offset in range(100, 200)])
    cut = MySQL(server.ask).begin_snapshot()
    assert (cut.position.offset, cut.is_exact) == (100 + 2 * (MAX_SNAPSHOT_ATTEMPTS - 1), False)
    assert server.heard[-3:] == [NAMES["8.0.36"], BEGIN, NAMES["8.0.36"]]


@pytest.mark.parametrize(
    "server",
    [
        pytest.param(Server("8.4.2", [[]]), id="no log"),
        pytest.param(Server("8.4.2", refuses=SourceError("Access denied; you need REPLICATION CLIENT")), id="no grant"),
    ],
)
def test_without_a_log_or_the_grant_to_see_its_end_there_is_still_a_view(server):
    cut = MySQL(server.ask).begin_snapshot()
    assert (cut.position, cut.is_exact) == (None, False)
    assert server.heard == [NAMES["8.4.2"], BEGIN]


def test_a_connection_that_is_lost_meanwhile_is_not_taken_for_a_missing_grant():
    server = Server("8.4.2", refuses=SourceError("Lost connection", is_transient=True))
    with pytest.raises(SourceError, match="Lost connection"):
        MySQL(server.ask).begin_snapshot()


def test_files_and_settings_of_the_log_are_told_by_name():
    server = MySQL(Server("8.4.2").ask)
    assert server.binlog_files() == [("binlog.000014", 177), ("binlog.000015", 1234)]
    assert server.binlog_settings() == {"binlog_format": "ROW", "binlog_row_value_options": "PARTIAL_JSON"}
    assert server.gtid_at("binlog.000015", 4) is None


@pytest.mark.parametrize(
    ("executed", "number", "then"),
    [
        (f"{UUID}:1-5", 6, f"{UUID}:1-6"),
        (f"{UUID}:1-5:8-9", 6, f"{UUID}:1-6:8-9"),
        (f"{UUID}:1-5:7-9", 6, f"{UUID}:1-9"),
        (f"{UUID}:1-5", 9, f"{UUID}:1-5:9"),
        (f"{UUID}:2", 1, f"{UUID}:1-2"),
        (f"{UUID}:1-5", 3, f"{UUID}:1-5"),
        (f"{OTHER}:1,{UUID}:1", 2, f"{OTHER}:1,{UUID}:1-2"),
        (f"{OTHER}:4", 2, f"{OTHER}:4,{UUID}:2"),
        (f"{UUID}:1:tag:3", 2, f"{UUID}:1:tag:3"),
        ("", 2, ""),
    ],
)
def test_a_set_grows_by_each_transaction(executed, number, then):
    assert MySQL(Server("8.0.36").ask).gtid_after(executed, f"{UUID}:{number}") == then


@pytest.mark.parametrize(("answer", "has_past"), [(1, True), (0, False)])
def test_what_was_executed_before_a_place_is_looked_for_in_all_that_was_executed(answer, has_past):
    asked = []

    def ask(sql):
        asked.append(sql)
        return [(answer,)]

    assert MySQL(ask).has_same_history(Position(file="binlog.000015", offset=4, gtid=f"{UUID}:1-5")) is has_past
    assert MySQL(ask).has_same_history(Position(file="binlog.000015", offset=4))
    (sql,) = asked
    assert sql.startswith("select gtid_subset(convert(x'33653131")
    assert sql.endswith(", @@global.gtid_executed)")
