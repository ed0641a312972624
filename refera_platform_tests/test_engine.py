"""Scratch folders: one's own while it lasts, gone afterwards, and what a killed process left is swept."""

import threading

from refera_platform.engine import SCRATCH_PREFIX, scratch, session


def test_a_folder_is_nobody_else_s_while_it_lasts_and_gone_afterwards(stage):
    lost = []

    def work():
        for _ in range(200):
            with scratch(stage) as folder:
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
    with scratch(stage) as mine:
        assert mine.exists()
        assert not left.exists()


def test_a_session_that_writes_files_never_takes_one_for_another_of_its_name(stage):
    with scratch(stage) as folder, session(stage, folder, s3=False) as connection:
        path = folder / "again.parquet"
        for number in range(300):
            rows = 1 + number * 7 % 8
            connection.execute(f"copy (from range({rows})) to '{path}' (format parquet)")
            found = connection.execute(f"select num_rows from parquet_file_metadata('{path}')").fetchone()
            assert found == (rows,)
            path.unlink()
        told = connection.execute("select current_setting('enable_external_file_cache')").fetchone()
        assert told == (False,)
