"""The event log on open connections: Dagster's own files, and nothing kept that was closed, wiped or moved."""

import shutil

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from refera_platform.orchestration import event_log, instance
from refera_platform.orchestration.event_log import EventLog


@dg.asset
def rows():
    return dg.MaterializeResult(metadata={"dagster/row_count": 7})


@pytest.fixture
def memory(tmp_path):
    with dg.DagsterInstance.from_config(str(instance.dagster_home(tmp_path))) as opened:
        yield opened


def runs(memory, count=1):
    return [dg.materialize([rows], instance=memory).run_id for _ in range(count)]


def told(storage, run_id):
    return [entry.dagster_event.event_type for entry in storage.get_logs_for_run(run_id) if entry.dagster_event]


def test_a_home_s_history_is_kept_where_dagster_keeps_it_and_its_own_class_reads_it(memory, tmp_path):
    assert type(memory.event_log_storage) is EventLog
    (one,) = runs(memory)
    theirs = SqliteEventLogStorage(str(tmp_path / "dagster" / "history" / "runs"))
    assert told(theirs, one) == told(memory.event_log_storage, one)
    assert theirs.get_materialized_partitions(rows.key) == set()
    assert memory.get_latest_materialization_event(rows.key).asset_materialization.metadata[
        "dagster/row_count"
    ] == dg.IntMetadataValue(7)


def test_no_more_files_stay_open_than_are_allowed(memory, monkeypatch):
    monkeypatch.setattr(event_log, "MAX_OPEN_FILES", 2)
    found = runs(memory, 4)
    assert len(memory.event_log_storage._engines) == 2
    for one in found:
        assert dg.DagsterEventType.RUN_SUCCESS in told(memory.event_log_storage, one)


def test_events_do_not_wait_for_the_disk_one_by_one_and_the_write_ahead_log_keeps_them(memory):
    (one,) = runs(memory)
    for shard in ("index", one):
        with memory.event_log_storage._connect(shard) as connection:
            assert connection.exec_driver_sql("pragma synchronous").scalar_one() == 1
            assert connection.exec_driver_sql("pragma journal_mode").scalar_one() == "wal"


def test_what_was_wiped_is_gone_and_a_run_after_it_is_kept(memory):
    (old,) = runs(memory)
    memory.event_log_storage.wipe()
    assert told(memory.event_log_storage, old) == []
    (new,) = runs(memory)
    assert dg.DagsterEventType.RUN_SUCCESS in told(memory.event_log_storage, new)


@pytest.mark.parametrize("taken", [shutil.move, shutil.copytree])
def test_a_home_that_was_moved_or_copied_has_a_history_of_its_own(tmp_path, taken):
    with dg.DagsterInstance.from_config(str(instance.dagster_home(tmp_path / "old"))) as first:
        (one,) = runs(first)
    taken(tmp_path / "old", tmp_path / "new")
    with dg.DagsterInstance.from_config(str(instance.dagster_home(tmp_path / "new"))) as second:
        assert dg.DagsterEventType.RUN_SUCCESS in told(second.event_log_storage, one)
        (other,) = runs(second)
    assert not list(tmp_path.glob(f"old/**/{other}.db"))


def test_settings_that_a_person_changed_stay(tmp_path):
    place = instance.dagster_home(tmp_path)
    text = (place / "dagster.yaml").read_text().replace("max_concurrent_runs: 2", "max_concurrent_runs: 5")
    (place / "dagster.yaml").write_text(text)
    assert (instance.dagster_home(tmp_path) / "dagster.yaml").read_text() == text
