"""Fault isolation: what goes wrong with one table of an ingest run ends that table, and the others go on.

    with isolated(table): … ──▶ ReferaError, whatever was raised ──▶ Refused (red, by name)

Nothing is hidden here: whoever catches the error reports the table as failed. ``capture_log``, ``passes``, ``log_pass``
and the runners of pieces do.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from refera_platform.disk import disk_full_error, is_disk_full
from refera_platform.errors import LakeError, ReferaError
from refera_platform.source.table import SourceTable

PACKAGE_FOLDER = Path(__file__).parents[1]


@contextmanager
def isolated(table: SourceTable) -> Iterator[None]:
    """Make an error of ours, which names the table, of whatever its rows, types or objects bring to light.

    This is the only place that catches every ``Exception``. A fault that nobody thought of would otherwise keep the
    tables behind it from being captured, today and in every run after it. Errors that have words of their own pass as
    they are, and so does what ends a process.

    Raises:
        ReferaError: for anything that is raised inside.
    """
    try:
        yield
    except ReferaError:
        raise
    except Exception as fault:
        if is_disk_full(fault):
            raise disk_full_error(fault) from None
        where = f"{type(fault).__name__} at {_innermost_own_line(fault)}"
        raise LakeError(
            f"{table.address} stopped at a fault of refera_platform itself ({where}):",
            "report this with the log of the run; what was committed before stays, and the next run tries again.",
        ) from fault


def fault_traceback(error: ReferaError) -> str:
    """Where the fault behind an error was raised, for a log; without its words, which may hold values of rows."""
    fault = error.__cause__
    if fault is None or isinstance(fault, ReferaError):
        return ""
    return f"{''.join(traceback.format_tb(fault.__traceback__))}{type(fault).__name__}"


def _innermost_own_line(fault: Exception) -> str:
    """The innermost line of ours that was reached."""
    own_frames = [
        frame for frame in traceback.extract_tb(fault.__traceback__) if PACKAGE_FOLDER in Path(frame.filename).parents
    ]
    return (
        f"{Path(own_frames[-1].filename).relative_to(PACKAGE_FOLDER)}:{own_frames[-1].lineno}"
        if own_frames
        else "an unknown line"
    )
