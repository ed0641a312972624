"""A source is seen at one moment, whole results arrive whole, and trouble is said in one sentence without a password."""

from contextlib import closing, contextmanager
from dataclasses import replace

import duckdb
import pytest

from refera_platform.errors import SourceError
from refera_platform.source.connection import open_source
from refera_platform.source.types import SourceColumn
from refera_platform_tests.local_stack import root, source_of
from refera_platform_tests.source.plain import without_tls

SECRET = "s3cret'\"\\;-- drop"


@contextmanager
def opened(stage, tmp_path, **changes):
    database = replace(stage.databases["classicmodels"], **changes)
    with open_source(replace(stage, databases={"classicmodels": database}), "classicmodels", tmp_path) as source:
        yield source


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"password": SECRET}, r"as refera_reader could not be read: .*Access denied.*GRANT|granted", id="password"
        ),
        pytest.param(
            {"port": 1}, r"127.0.0.1:1 as refera_reader could not be read:.*check that the server runs", id="no server"
        ),
        pytest.param({"name": "nowhere"}, r"(Access denied|Unknown database)", id="no such schema"),
    ],
)
def test_what_is_wrong_with_the_address_is_said_without_the_password(stage, shop, tmp_path, changes, said):
    with pytest.raises(SourceError, match=said) as error, opened(stage, tmp_path, **changes):
        pass
    secret = changes.get("password", stage.databases["classicmodels"].password)
    assert secret not in str(error.value)
    assert error.value.__cause__ is None


def test_a_server_without_tls_is_not_talked_to_when_tls_was_asked_for(stage, shop, tmp_path):
    with (
        without_tls(stage.databases["classicmodels"]) as port,
        pytest.raises(SourceError, match=r"(SSL|TLS).*ssl_ca=PATH"),
        opened(stage, tmp_path, port=port, ssl_mode="required"),
    ):
        pass


def test_a_database_that_the_stage_does_not_know_is_named(stage, tmp_path):
    with (
        pytest.raises(SourceError, match="Stage test has no address of database billing"),
        open_source(stage, "billing", tmp_path),
    ):
        pass


def test_the_session_only_reads(stage, shop):
    with source_of(stage) as source, pytest.raises(SourceError, match=r"(?i)read.only|denied"):
        source.ask("delete from payments")
    assert shop.ask("select count(*) from payments") == [(3,)]


def test_a_session_runs_in_utc(stage, shop):
    with source_of(stage) as source:
        assert source.ask("select cast(@@session.time_zone as char)") == [("+00:00",)]


def whole(name):
    return SourceColumn(name=name, data_type="int", column_type="int(11)")


def text(name):
    return SourceColumn(name=name, data_type="longtext", column_type="longtext")


def test_a_snapshot_shows_all_tables_at_one_moment_until_it_ends(stage, shop):
    with source_of(stage) as source:
        with source.snapshot() as cut:
            shop.run("delete from payments")
            shop.run("update orders set status = 'Cancelled'")
            assert source.ask("select count(*) from payments") == [(3,)]
            assert source.ask("select count(*) from orders where status = 'Cancelled'") == [(0,)]
        assert source.ask("select count(*) from payments") == [(0,)]
        with source.snapshot() as later:
            assert source.ask("select count(*) from payments") == [(0,)]
    assert cut.is_exact
    assert cut.position.order < later.position.order


def test_results_of_many_blocks_arrive_whole_and_in_order(stage, shop, tmp_path):
    path = tmp_path / "many.parquet"
    select = "select seq, if(seq % 7 = 0, null, repeat('é', seq % 300)) from seq_1_to_60000"
    with source_of(stage) as source:
        rows = source.stream_select(select, [whole("number"), text("words")], path)
        assert rows == 60_000
        ((different, first, last),) = source.execute(
            "select count(*) filter (words is distinct from if(number % 7 = 0, null, repeat('é', number % 300)))"
            " + count(*) filter (number <> line), min(line), max(line)"
            f" from (select *, row_number() over () as line from '{path}')"
        ).fetchall()
    assert (different, first, last) == (0, 1, 60_000)
    assert [file.name for file in tmp_path.iterdir()] == ["many.parquet"]


def test_a_result_without_rows_is_a_file_with_its_columns(stage, shop, tmp_path):
    columns = [whole("number"), text("words"), SourceColumn(name="raw", data_type="blob", column_type="blob")]
    with source_of(stage) as source, duckdb.connect() as connection:
        assert source.stream_select("select 1, 'a', x'00' from orders where false", columns, tmp_path / "x") == 0
        found = connection.execute(f"from read_parquet('{tmp_path / 'x'}')")
        assert [(name, str(kind)) for name, kind, *_ in found.description] == [
            ("number", "INTEGER"),
            ("words", "VARCHAR"),
            ("raw", "BLOB"),
        ]


def test_a_result_that_cannot_be_kept_leaves_the_snapshot_to_the_tables_after_it(stage, shop, tmp_path):
    with source_of(stage) as source, source.snapshot():
        shop.run("delete from payments")
        with pytest.raises(
            SourceError, match=r"could not be written to a local file .*Could not convert string 'x150000' to INT32"
        ):
            source.stream_select(
                "select concat('x', 150000 + seq - 1) from seq_1_to_400000", [whole("number")], tmp_path / "x"
            )
        assert source.ask("select count(*) from payments") == [(3,)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "select",
    [
        pytest.param("select nothing from orders", id="at once"),
        pytest.param(
            "select if(seq < 150000, seq, (select s.seq from seq_1_to_2 as s where s.seq < t.seq))"
            " from seq_1_to_200000 as t",
            id="after many rows",
        ),
    ],
)
def test_a_result_that_the_server_breaks_off_leaves_the_snapshot_as_well(stage, shop, tmp_path, select):
    with source_of(stage) as source, source.snapshot():
        shop.run("delete from payments")
        with pytest.raises(SourceError, match=r"could not be read: .*(Unknown column|more than 1 row)"):
            source.stream_select(select, [whole("number")], tmp_path / "x")
        assert source.ask("select count(*) from payments") == [(3,)]
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_result_closes_the_connection_and_nothing_is_read_out_of_turn(
    stage, shop, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("refera_platform.source.mysql.result_to_parquet.ParquetSpool.add", interrupted)
    with source_of(stage) as source:
        with pytest.raises(KeyboardInterrupt), source.snapshot():
            source.stream_select("select seq from seq_1_to_900000", [whole("number")], tmp_path / "x")
        with pytest.raises(SourceError, match="could not be read"):
            source.ask("select 1")


def test_a_connection_lost_in_a_snapshot_is_one_error_that_may_pass(home, stage, shop, tmp_path):
    with source_of(stage) as source, source.snapshot():
        with closing(root(home)) as other, other.cursor() as cursor:
            cursor.execute(f"kill {source.wire.thread_id()}")
        with pytest.raises(SourceError, match="check that the server runs") as error:
            source.stream_select("select seq from seq_1_to_9", [whole("number")], tmp_path / "x")
    assert error.value.is_transient
    assert error.value.__cause__ is None
