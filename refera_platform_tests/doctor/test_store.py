"""A store that does not keep its word is found out, and nothing of the examination stays behind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from refera_platform.doctor.store import examine_clock, examine_free_disk, examine_store, store_clock
from refera_platform.lake.objects import ObjectRoot
from refera_platform.source.doctor.finding import Verdict

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_a_store_that_keeps_its_word_is_well_and_stays_as_it_was(stage, tmp_path):
    findings = examine_store(stage.lake, stage.store, "lake", tmp_path)
    assert [(each.about, each.verdict) for each in findings] == [
        ("lake: list", Verdict.OK),
        ("lake: write", Verdict.OK),
        ("lake: one writer at a time", Verdict.OK),
    ]
    assert list(ObjectRoot(stage.lake, stage.store).list()) == []


@pytest.mark.parametrize(
    ("changes", "root", "found"),
    [
        pytest.param({"secret_key": "s3cret-key"}, "", "S3 refused .*", id="wrong key"),
        pytest.param({}, "s3://no-such-bucket-here/raw", "NoSuchBucket", id="no bucket"),
        pytest.param({"endpoint": "http://127.0.0.1:1"}, "", "S3 could not be reached", id="no store"),
    ],
)
def test_a_store_that_cannot_be_used_is_a_failure(stage, tmp_path, changes, root, found):
    (told,) = examine_store(root or stage.lake, replace(stage.store, **changes), "lake", tmp_path)
    assert (told.about, told.verdict) == ("lake: list", Verdict.FAIL)
    assert found.rstrip(".*") in told.found
    assert told.remedy
    assert "s3cret-key" not in told.found


def test_a_store_that_refuses_to_be_written_is_a_failure(stage, tmp_path):
    findings = examine_store(f"{stage.lake}/{'x' * 1100}", stage.store, "lake", tmp_path)  # longer than a key may be
    assert [(each.about, each.verdict) for each in findings] == [
        ("lake: list", Verdict.OK),
        ("lake: write", Verdict.FAIL),
    ]
    assert "S3 refused PutObject" in findings[-1].found
    assert "what the credentials may do there" in findings[-1].remedy


def test_a_store_that_ignores_conditions_is_found_out(stage, tmp_path, monkeypatch):
    monkeypatch.setattr(ObjectRoot, "put", lambda root, key, path, *, replaces: root.write(key, path.read_bytes()))
    findings = examine_store(stage.lake, stage.store, "lake", tmp_path)
    assert [each.verdict for each in findings] == [Verdict.OK, Verdict.OK, Verdict.FAIL]
    assert "overwrites an object although the request forbids it" in findings[-1].found
    assert list(ObjectRoot(stage.lake, stage.store).list()) == []


def test_the_clock_of_the_store_is_ours(stage):
    theirs = store_clock(stage.lake, stage.store)
    assert theirs is not None
    assert examine_clock("lake", theirs, datetime.now(UTC)).verdict is Verdict.OK
    assert store_clock(stage.lake, replace(stage.store, endpoint="http://127.0.0.1:1")) is None


@pytest.mark.parametrize(
    ("apart", "verdict"),
    [(0, Verdict.OK), (59, Verdict.OK), (61, Verdict.WARN), (-61, Verdict.WARN), (601, Verdict.FAIL)],
)
def test_clocks_that_are_apart_are_told(apart, verdict):
    found = examine_clock("shop", NOW + timedelta(seconds=apart), NOW)
    assert found.verdict is verdict
    assert f"{abs(apart)} s apart" in found.found


def test_a_table_that_does_not_fit_on_the_disk_is_told(stage, monkeypatch):
    (found,) = examine_free_disk(stage.scratch, "shop.orders", 1 << 60)
    assert found.verdict is Verdict.WARN
    assert "and shop.orders has 1152921504.6 GB at the source" in found.found
    (found,) = examine_free_disk(stage.scratch / "not" / "made" / "yet", "shop.orders", 1)
    assert found.verdict is Verdict.OK
    monkeypatch.setattr("refera_platform.doctor.store.MIN_FREE_BYTES", 1 << 60)
    (found,) = examine_free_disk(stage.scratch, "shop.orders", 1)
    assert (found.verdict, "REFERA_HOME" in found.remedy) == (Verdict.FAIL, True)
