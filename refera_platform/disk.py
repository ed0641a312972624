"""Local disk: atomic writes of files, and one error for a disk that is full.

Each library has an error of its own for ENOSPC; ``is_disk_full`` recognizes them. A full disk of the database server or
of the object store is not meant: it comes as an error of ``pymysql`` or ``botocore``.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refera_platform.errors import DiskFullError

DISK_WRITING_PACKAGES = {"duckdb", "_duckdb", "pyarrow", "sqlite3", "sqlalchemy", "dbt", "dbt_common"}
"""Packages whose error messages say that a local disk is full; Python's own errors have a number."""
DISK_FULL_PATTERN = re.compile(
    r"no space left on device|(errno|errcode|error):? 28\b|disk (is )?full|disk quota exceeded|max_temp_directory_size",
    re.IGNORECASE,
)
AMBIGUOUS_SQLITE_ERROR = "disk I/O error"
"""SQLite's message for a broken disk, and also for a full one when its shared memory cannot grow."""
DISK_FULL_BELOW_BYTES = 4 << 20
"""Free bytes below which that message means a full disk."""
QUOTED_PATH_PATTERN = re.compile(r'"(/[^"]+)"')


def write_atomically(path: Path, text: str, mode: int = 0o666) -> None:
    """Replace a file in one step: readers find the old text or the new one, also after a power cut.

    Args:
        path: The file.
        text: Its whole new text.
        mode: Permissions, less the umask.
    """
    new_path = path.with_name(f".{path.name}.{os.getpid()}")
    new_path.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new_path.replace(path)
    finally:
        new_path.unlink(missing_ok=True)


@contextmanager
def translate_disk_errors(*folders: Path) -> Iterator[None]:
    """Translate the errors of all libraries for a full disk in the block.

    Args:
        folders: Folders that the block writes to; the one with the least space is named when the error names none.

    Raises:
        DiskFullError: for an error that means a full disk; every other error is raised unchanged.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DiskFullError) or not is_disk_full(error, *folders):
            raise
        raise disk_full_error(error, *folders) from None


def is_disk_full(error: BaseException, *folders: Path) -> bool:
    """Whether an error, or one of its causes, means that a disk of this machine is full.

    Args:
        error: The error.
        folders: Folders that were written to; their free space decides when the error is ambiguous.
    """
    causes = list(_error_chain(error))
    return any(_is_disk_full_error(each) for each in causes) or (
        any(AMBIGUOUS_SQLITE_ERROR in str(each) for each in causes)
        and any(_free_bytes(_existing_parent(each)) < DISK_FULL_BELOW_BYTES for each in folders)
    )


def disk_full_error(error: BaseException, *folders: Path) -> DiskFullError:
    """Make the error for a full disk, with the folder and its free space."""
    error_folder = next(filter(None, (_folder_of_error(each) for each in _error_chain(error))), None)
    full_folder = error_folder or min(
        (_existing_parent(each) for each in (*folders, Path(tempfile.gettempdir()))), key=_free_bytes
    )
    return DiskFullError(
        f"The disk of {full_folder} is full ({_free_bytes(_existing_parent(full_folder)) >> 20} MB are free):",
        "free space there, or set REFERA_HOME to a larger disk, and run it again; what was committed counts.",
    )


def is_disk_full_message(message: str) -> bool:
    """Whether the message of a library means that a disk is full."""
    return DISK_FULL_PATTERN.search(message) is not None


def _is_disk_full_error(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    return type(error).__module__.partition(".")[0] in DISK_WRITING_PACKAGES and is_disk_full_message(str(error))


def _error_chain(error: BaseException) -> Iterator[BaseException]:
    visited = set[int]()
    current: BaseException | None = error
    while current is not None and id(current) not in visited:
        visited.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _folder_of_error(error: BaseException) -> Path | None:
    """The folder of the file that an error names."""
    if isinstance(error, OSError) and isinstance(error.filename, str):
        return Path(error.filename).absolute().parent
    match = QUOTED_PATH_PATTERN.search(str(error))
    return Path(match[1]).parent if match else None


def _existing_parent(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
