"""Scratch folders: local files of one step, removed when it ends; folders of killed processes are removed too."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from refera_platform.disk import disk_full_error, is_disk_full
from refera_platform.errors import SettingError
from refera_platform.settings.stage import Stage

SCRATCH_PREFIX = "session-"


@contextmanager
def scratch_folder(stage: Stage) -> Iterator[Path]:
    """Make a folder for the block alone, and remove the folders of killed processes.

    Raises:
        SettingError: when nothing can be written below the stage's home.
    """
    with ExitStack() as owned:
        try:
            make_private_folder(stage.scratch)
            # under one lock: otherwise another process could take a folder made just now for an orphaned one
            with stage.scratch.with_suffix(".lock").open("w") as lock_file:
                fcntl.flock(lock_file, fcntl.LOCK_EX)
                folder = Path(tempfile.mkdtemp(prefix=SCRATCH_PREFIX, dir=stage.scratch))
                owner = owned.enter_context((folder / ".lock").open("w"))
                fcntl.flock(owner, fcntl.LOCK_EX)
                for other in stage.scratch.glob(f"{SCRATCH_PREFIX}*"):
                    if other != folder:
                        _remove_if_orphaned(other)
        except OSError as error:
            if is_disk_full(error):
                raise disk_full_error(error) from None
            raise SettingError(
                f"Nothing can be written in {stage.scratch} ({error.strerror}):", "check REFERA_HOME."
            ) from None
        owned.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def make_private_folder(folder: Path) -> None:
    """Make a folder below a stage's home, and the home when it is missing, readable by their owner alone.

    An existing folder of this user loses the permissions of others; an existing home stays as it is.

    Raises:
        OSError: when it cannot be made.
    """
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        status = folder.stat()
        if status.st_mode & 0o007 and status.st_uid == os.getuid():
            folder.chmod(status.st_mode & 0o770)


def _remove_if_orphaned(folder: Path) -> None:
    """Remove a session's folder when no process holds its lock: its owner was killed."""
    try:
        with (folder / ".lock").open() as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except (BlockingIOError, FileNotFoundError):
        return  # in use, or just removed by its owner
