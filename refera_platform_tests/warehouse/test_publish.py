"""Many publications under the eyes of readers: every one of them sees tables of one moment, whole."""

import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from refera_platform.duckdb_session.scratch import scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.lake.lake import RawObject
from refera_platform.lake.object_state import RawState
from refera_platform.lake.objects import ObjectRoot, StoredObject
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.build.context import BuildContext
from refera_platform.warehouse.build.inputs import BuildInputs
from refera_platform.warehouse.dbt_project import DbtModel, DbtProject, MonthlyStorage
from refera_platform.warehouse.publish.manifest import (
    MANIFEST_KEY,
    Publication,
    PublishedObject,
    fixed_key,
    object_key,
    published_relation,
    read_publication,
)
from refera_platform.warehouse.publish.publish import publish_build
from refera_platform_tests.business import TODAY
from refera_platform_tests.checkout import declared_tables, find_table

MONTHS = ("2026-01", "2026-02", "2026-03")
PROJECT = DbtProject(
    models={
        "fct_sales": DbtModel(
            name="fct_sales",
            folder="marts",
            depends_on=frozenset(),
            months=MonthlyStorage(by="sold_in", totals={"units": "sum(units)"}),
        ),
        "ans_sales": DbtModel(name="ans_sales", folder="answers", depends_on=frozenset()),
    }
)
ROWS = 2_000
"""Of each month, so that an object has more bytes than one packet."""


def _inputs() -> BuildInputs:
    table = find_table("orders")
    state = RawState(
        database="classicmodels",
        table="orders",
        day=TODAY,
        strategy="log",
        server="s",
        schema="c",
        start_position="",
        end_position="1",
        read_at="2026-03-10T12:00:00+00:00",
    )
    stored = StoredObject(key="k", url="u", size_bytes=1, etag="e", modified_at=datetime(2026, 3, 10, tzinfo=UTC))
    return BuildInputs(days={table: {TODAY: RawObject(day=TODAY, stored=stored, state=state)}}, previous_days={})


def _context(stage: Stage, project: DbtProject, previous: Publication, run_id: str, folder: Path) -> BuildContext:
    return BuildContext(
        stage=stage,
        root=ObjectRoot(stage.warehouse, stage.store),
        tables=declared_tables(),
        project=project,
        models_to_build=frozenset(project.models),
        previous=previous,
        run_id=run_id,
        folder=folder,
    )


def _sell(connection: duckdb.DuckDBPyConnection, number: int) -> None:
    """Publication ``number`` has that many units in each row; February goes and comes."""
    months = [month for month in MONTHS if number % 2 or month != "2026-02"]
    connection.execute(
        "create or replace table main.fct_sales as select unnest(?) as sold_in, i, cast(? as bigint) as units"
        f" from range({ROWS}) as numbers (i)",
        [months, number],
    )
    connection.execute("create or replace table main.ans_sales as select sum(units) as units from main.fct_sales")


def test_readers_of_many_publications_see_each_whole_or_not_at_all(stage, stress_seconds):
    """Thirty, or a hundred for ``make stress``; keys that are written twice are seen within the first three."""
    publications = 100 if stress_seconds else 30
    root, stop = ObjectRoot(stage.warehouse, stage.store), threading.Event()
    wrong, seen = list[str](), set[int]()

    def read_the_manifest() -> None:
        with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
            while not stop.is_set():
                published = read_publication(root)
                if not published.models:
                    continue
                facts = published_relation(root, "fct_sales", published.models["fct_sales"])
                answer = published_relation(root, "ans_sales", published.models["ans_sales"])
                row = connection.execute(
                    f"select sum(units), min(units), max(units), (select units from {answer}) from {facts}"
                ).fetchone()
                total, least, most, told = row
                seen.add(least)
                if least != most or total != told or total != int(published.models["fct_sales"].rows) * least:
                    wrong.append(str(row))

    def read_as_any_engine() -> None:
        with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
            key = fixed_key("fct_sales", "2026-01", "sold_in")
            while not stop.is_set() and not list(root.list(key)):
                continue  # the first manifest is there a moment before the first keys
            while not stop.is_set():
                url = root.url(key)
                try:
                    row = connection.execute(f"select count(*), min(units), max(units) from '{url}'").fetchone()
                except duckdb.HTTPException as error:
                    if "ETag" not in str(error):  # replaced between two requests: the engine says so, and mixes nothing
                        wrong.append(str(error))
                    continue
                if row[0] != ROWS or row[1] != row[2]:
                    wrong.append(f"object {row}")

    readers = [threading.Thread(target=look) for look in (read_the_manifest, read_as_any_engine)]
    for reader in readers:
        reader.start()
    try:
        with scratch_folder(stage) as folder, duckdb.connect(folder / "build.duckdb") as connection:
            for number in range(1, publications + 1):
                _sell(connection, number)
                publish_build(
                    _context(stage, PROJECT, read_publication(root), str(number), folder), connection, _inputs(), None
                )
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert len(seen) > publications // 10
    assert max(seen) <= publications
    now = read_publication(root)
    assert [item.month for item in now.models["fct_sales"].objects] == ["2026-01", "2026-03"]
    assert root.read(fixed_key("fct_sales", "2026-02", "sold_in")) is None
    assert [item.totals for item in now.models["fct_sales"].objects] == [{"units": str(ROWS * publications)}] * 2


def test_a_manifest_of_the_first_format_is_read_and_its_whole_objects_are_taken_down(stage):
    root = ObjectRoot(stage.warehouse, stage.store)
    root.write("fct_sales/part-0.parquet", b"old")
    root.write("_objects/fct_sales/0.parquet", b"old")
    root.write(
        "_manifest.json",
        b'{"format": 1, "run_id": "r", "published_at": "2026-03-09T00:00:00+00:00", "sources": {}, "retired": {},'
        b' "models": {"fct_sales": {"rows": 1, "bytes": 3, "sha256": "0", "etag": "e", "run_id": "r", "columns":'
        b' {"units": "BIGINT"}}}}',
    )
    before = read_publication(root)
    assert before.models["fct_sales"].objects[0].sha256 == "0"
    assert not before.complete_run
    with scratch_folder(stage) as folder, duckdb.connect(folder / "build.duckdb") as connection:
        _sell(connection, 1)
        publish_build(_context(stage, PROJECT, before, "1", folder), connection, _inputs(), None)
    assert root.read("fct_sales/part-0.parquet") is None
    assert len(read_publication(root).models["fct_sales"].objects) == len(MONTHS)
    assert date.fromisoformat(read_publication(root).sources["classicmodels.orders"]["day"]) == TODAY


def sell(stage, number: int, project: DbtProject = PROJECT) -> Publication:
    """One publication after another."""
    root = ObjectRoot(stage.warehouse, stage.store)
    with scratch_folder(stage) as folder, duckdb.connect(folder / "build.duckdb") as connection:
        _sell(connection, number)
        return publish_build(
            _context(stage, project, read_publication(root), str(number), folder), connection, _inputs(), None
        )


class CutError(Exception):
    """The process is gone."""


def there(stage) -> dict[str, str]:
    """ETag of each object that engines read, by key."""
    root = ObjectRoot(stage.warehouse, stage.store)
    return {item.key: item.etag for item in root.list() if not item.key.startswith("_")}


@pytest.mark.parametrize("step", ["put", "copy", "remove"])
@pytest.mark.parametrize("calls", range(4))
def test_a_publication_cut_off_at_any_request_is_old_or_new_and_the_next_one_heals(stage, monkeypatch, step, calls):
    first = sell(stage, 1)
    whole, done = getattr(ObjectRoot, step), []

    def cut(*arguments, **named):
        if len(done) == calls:
            raise CutError
        done.append(arguments)
        return whole(*arguments, **named)

    monkeypatch.setattr(ObjectRoot, step, cut)
    try:
        sell(stage, 2)
    except CutError:
        now = read_publication(ObjectRoot(stage.warehouse, stage.store))
        assert now.run_id == ("1" if step == "put" else "2"), "the manifest is the commit"
    else:
        assert calls > 0
    monkeypatch.undo()
    kept = first.models["ans_sales"].objects[0]
    assert ObjectRoot(stage.warehouse, stage.store).read(object_key("ans_sales", kept)) is not None, "sessions read on"
    healed = sell(stage, 4)
    assert {key: item.etag for key, item in fixed(healed).items()} == there(stage)
    assert fixed_key("fct_sales", "2026-02", "sold_in") not in there(stage)


def fixed(published: Publication) -> dict[str, PublishedObject]:
    return {
        fixed_key(name, item.month, model.stored_by): item
        for name, model in published.models.items()
        for item in model.objects
    }


def test_a_publication_that_is_killed_before_its_manifest_shows_no_engine_anything(stage, monkeypatch):
    sell(stage, 2)
    before = there(stage)
    monkeypatch.setattr(Publication, "to_json", lambda self: (_ for _ in ()).throw(CutError()))
    with pytest.raises(CutError):
        sell(stage, 3)
    assert there(stage) == before


def test_a_model_that_left_the_project_is_taken_down(stage):
    sell(stage, 1)
    assert fixed_key("ans_sales") in there(stage)
    now = sell(stage, 3, DbtProject(models={"fct_sales": PROJECT.models["fct_sales"]}))
    assert set(now.models) == {"fct_sales"}
    assert fixed_key("ans_sales") not in there(stage)


def test_objects_that_were_replaced_stay_for_a_day_and_then_go(stage):
    root = ObjectRoot(stage.warehouse, stage.store)
    old = object_key("ans_sales", sell(stage, 1).models["ans_sales"].objects[0])
    now = sell(stage, 3)
    assert old in now.retired
    assert root.read(old) is not None
    aged = replace(now, retired=dict.fromkeys(now.retired, "2020-01-01T00:00:00+00:00"))
    root.write(MANIFEST_KEY, aged.to_json().encode())
    assert old not in sell(stage, 5).retired
    assert root.read(old) is None
