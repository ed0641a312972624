"""Sessions of DuckDB, which load what was signed and nothing else, and the folders they work in."""

import threading
from dataclasses import replace

import duckdb
import pytest

from refera_platform.duckdb_session import session as session_module
from refera_platform.duckdb_session.extensions import extension_directory
from refera_platform.duckdb_session.scratch import SCRATCH_PREFIX, scratch_folder
from refera_platform.duckdb_session.session import open_duckdb_session
from refera_platform.errors import SettingError


@pytest.fixture
def tampered(tmp_path):
    """A folder of extensions in which one byte of one is another."""
    (signed,) = extension_directory(tmp_path / "signed").rglob("*.duckdb_extension")
    path = tmp_path / "tampered" / signed.relative_to(tmp_path / "signed" / "duckdb-extensions")
    path.parent.mkdir(parents=True)
    content = bytearray(signed.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def test_an_extension_that_is_not_what_was_signed_is_refused(stage, tmp_path, tampered, monkeypatch):
    monkeypatch.setattr(session_module, "extension_directory", lambda home: tmp_path / "tampered")
    refused = r"refused an extension in .*signature.*install the requirements again"
    for _ in range(2):
        with (
            scratch_folder(stage) as folder,
            pytest.raises(SettingError, match=refused),
            open_duckdb_session(stage, folder),
        ):
            pytest.fail("opened with an extension that nobody signed")


def test_a_session_loads_nothing_unsigned_besides_what_was_checked(stage, tampered):
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder) as connection:
        assert connection.execute("select current_setting('allow_unsigned_extensions')").fetchone() == (False,)
        with pytest.raises(duckdb.InvalidInputException, match="allow_unsigned_extensions"):
            connection.execute("set allow_unsigned_extensions = true")
        other = tampered.rename(tampered.with_name("other.duckdb_extension"))
        with pytest.raises(duckdb.IOException, match="signature"):
            connection.execute(f"load '{other}'")


def test_a_folder_is_nobody_else_s_while_it_lasts_and_gone_afterwards(stage):
    lost = []

    def work():
        for _ in range(200):
            with scratch_folder(stage) as folder:
                (folder / "spill").write_text("rows")
                if not (folder / "spill").exists():
                    lost.append(folder)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert lost == []
    assert list(stage.scratch.glob(f"{SCRATCH_PREFIX}*")) == []


def test_what_a_killed_process_left_is_removed_by_the_next(stage):
    left = stage.scratch / f"{SCRATCH_PREFIX}left"
    left.mkdir(parents=True)
    (left / ".lock").touch()
    (left / "big.parquet").write_bytes(b"rows")
    with scratch_folder(stage) as mine:
        assert mine.exists()
        assert not left.exists()


def test_a_session_that_writes_files_never_takes_one_for_another_of_its_name(stage):
    with scratch_folder(stage) as folder, open_duckdb_session(stage, folder, s3=False) as connection:
        path = folder / "again.parquet"
        for number in range(300):
            rows = 1 + number * 7 % 8
            connection.execute(f"copy (from range({rows})) to '{path}' (format parquet)")
            found = connection.execute(f"select num_rows from parquet_file_metadata('{path}')").fetchone()
            assert found == (rows,)
            path.unlink()
        told = connection.execute("select current_setting('enable_external_file_cache')").fetchone()
        assert told == (False,)


def test_what_a_stage_keeps_on_disk_is_its_owner_s_alone(stage, tmp_path):
    own = replace(stage, home=tmp_path / "new" / "home")
    with scratch_folder(own) as folder:
        assert {path.stat().st_mode & 0o077 for path in (own.home, own.scratch, folder)} == {0}
    own.scratch.chmod(0o755)
    tmp_path.joinpath("new/home").chmod(0o755)
    with scratch_folder(own):
        assert own.scratch.stat().st_mode & 0o007 == 0
        assert own.home.stat().st_mode & 0o777 == 0o755, "a folder that somebody else may have made stays"
