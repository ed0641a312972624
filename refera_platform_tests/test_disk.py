"""A disk that is full: one sentence whoever met it, and no file that is half there."""

import errno
import resource
import signal
import sqlite3
import subprocess
import sys

import duckdb
import pymysql
import pytest
import sqlalchemy

from refera_platform.disk import disk_full_error, is_disk_full, translate_disk_errors, write_atomically
from refera_platform.errors import DiskFullError, LakeError, WarehouseError

NO_SPACE = OSError(errno.ENOSPC, "No space left on device", "/data/scratch/file")
IN_DUCKDB = duckdb.IOException('Could not write file "/data/scratch/x.parquet": No space left on device')
FULL = {
    "python": NO_SPACE,
    "quota": OSError(errno.EDQUOT, "Disk quota exceeded"),
    "duckdb": IN_DUCKDB,
    "duckdb spills": duckdb.OutOfMemoryException(
        "failed to offload data block of size 256.0 KiB (9 MiB/9 MiB used).\nThis limit was set by the"
        " 'max_temp_directory_size' setting."
    ),
    "sqlite": sqlite3.OperationalError("database or disk is full"),
    "dagster's history": sqlalchemy.exc.OperationalError(
        "insert", {}, sqlite3.OperationalError("database or disk is full")
    ),
}
OTHERS = {
    "another refusal": OSError(errno.EACCES, "Permission denied"),
    "the database server's disk": pymysql.err.OperationalError(3, 'Errcode: 28 "No space left on device"'),
    "our own sentence": LakeError("No space left on device, somebody wrote"),
    "a broken disk with room on it": sqlite3.OperationalError("disk I/O error"),
    "memory": duckdb.OutOfMemoryException("could not allocate block of size 256.0 KiB (1 GiB/1 GiB used)"),
}
SENTENCE = r"^The disk of /.* is full \(\d+ MB are free\): free space there"
WRITER = """
import sys
from pathlib import Path
from refera_platform.disk import write_atomically
write_atomically(Path(sys.argv[1]), "new" * 10_000)
"""


@pytest.mark.parametrize("trouble", FULL.values(), ids=list(FULL))
def test_each_library_s_words_for_a_full_disk_are_one_sentence_that_names_a_folder(trouble, tmp_path):
    with (
        pytest.raises(DiskFullError, match=r"^The disk of /.* is full \(\d+ MB are free\): free space there"),
        translate_disk_errors(tmp_path),
    ):
        raise trouble
    with pytest.raises(DiskFullError), translate_disk_errors(tmp_path):
        raise WarehouseError("dbt could not build:") from trouble


@pytest.mark.parametrize("trouble", OTHERS.values(), ids=list(OTHERS))
def test_another_error_passes_as_it_is(trouble, tmp_path):
    with pytest.raises(type(trouble)) as passed, translate_disk_errors(tmp_path):
        raise trouble
    assert passed.value is trouble
    assert not is_disk_full(trouble)


def test_the_folder_is_the_one_that_the_error_names():
    assert str(disk_full_error(NO_SPACE)).startswith("The disk of /data/scratch is full")
    assert str(disk_full_error(IN_DUCKDB)).startswith("The disk of /data/scratch is full")


def test_a_file_is_there_whole_or_as_it_was(tmp_path):
    """The limit on a file's size stands for the full disk: the kernel stops the write in the middle."""
    path = tmp_path / "settings"
    write_atomically(path, "old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]

    def small():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, limit))

    done = subprocess.run([sys.executable, "-c", WRITER, str(path)], preexec_fn=small, capture_output=True, text=True)
    assert f"[Errno {errno.EFBIG}]" in done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    subprocess.run([sys.executable, "-c", WRITER, str(path)], check=True)
    assert len(path.read_text()) == 30_000
    write_atomically(path, "secret", 0o600)
    assert path.stat().st_mode & 0o777 == 0o600
