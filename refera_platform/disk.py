"""Local disk: files that are there whole or not at all, and one sentence for a disk that is full.

Each library has an error of its own for ENOSPC; ``is_full`` knows them. A full disk of the database server or of the
object store is none of these: their words travel in errors of ``pymysql`` and ``botocore``.
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

WRITERS = {"duckdb", "_duckdb", "pyarrow", "sqlite3", "sqlalchemy", "dbt", "dbt_common"}
"""Packages whose errors say in words that a local disk is full; Python's own has a number."""
WORDS = re.compile(
    r"no space left on device|(errno|errcode|error):? 28\b|disk (is )?full|disk quota exceeded|max_temp_directory_size",
    re.IGNORECASE,
)
VAGUE = "disk I/O error"
"""What SQLite says of a broken disk and, when its shared memory cannot grow, of a full one."""
LEAST = 4 << 20
"""Bytes below which it was the latter."""
PATH = re.compile(r'"(/[^"]+)"')


def write_whole(path: Path, text: str, mode: int = 0o666) -> None:
    """Replace a file in one step: whoever reads it finds the old text or the new one, also after a power cut.

    Args:
        path: Which file.
        text: All of it.
        mode: Who may read it, less what the user's umask takes away.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


@contextmanager
def explained(*folders: Path) -> Iterator[None]:
    """Say that a disk is full, whatever library met it.

    Args:
        folders: Where the block writes; the fullest is named when the error names none.

    Raises:
        DiskFullError: for an error of the block that means it; every other one passes.
    """
    try:
        yield
    except Exception as trouble:
        if isinstance(trouble, DiskFullError) or not is_full(trouble, *folders):
            raise
        raise full(trouble, *folders) from None


def is_full(trouble: BaseException, *folders: Path) -> bool:
    """Whether an error, or one that it came from, says that a disk of this machine is full.

    Args:
        trouble: The error.
        folders: Where was written; they are looked at when the error may mean anything.
    """
    causes = list(_chain(trouble))
    return any(_says_full(each) for each in causes) or (
        any(VAGUE in str(each) for each in causes) and any(_free(_existing(each)) < LEAST for each in folders)
    )


def full(trouble: BaseException, *folders: Path) -> DiskFullError:
    """The sentence for it."""
    named = next(filter(None, (_folder(each) for each in _chain(trouble))), None)
    place = named or min((_existing(each) for each in (*folders, Path(tempfile.gettempdir()))), key=_free)
    return DiskFullError(
        f"The disk of {place} is full ({_free(_existing(place)) >> 20} MB are free):",
        "free space there, or set REFERA_HOME to a larger disk, and run it again; what was committed counts.",
    )


def says_full(words: str) -> bool:
    """Whether the words of a library mean that a disk is full."""
    return WORDS.search(words) is not None


def _says_full(trouble: BaseException) -> bool:
    if isinstance(trouble, OSError) and trouble.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    return type(trouble).__module__.partition(".")[0] in WRITERS and says_full(str(trouble))


def _chain(trouble: BaseException) -> Iterator[BaseException]:
    seen = set[int]()
    found: BaseException | None = trouble
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def _folder(trouble: BaseException) -> Path | None:
    """The folder of the file that an error names."""
    if isinstance(trouble, OSError) and isinstance(trouble.filename, str):
        return Path(trouble.filename).absolute().parent
    found = PATH.search(str(trouble))
    return Path(found[1]).parent if found else None


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free
