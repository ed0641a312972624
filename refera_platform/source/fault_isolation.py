"""Fault isolation: an error of one table of an ingest run ends that table, and the other tables go on.

    with isolated(table): … ──▶ ReferaError, whatever was raised ──▶ IngestFailure of the table

Hides nothing: the caller that catches the error (``ingest``, ``reconcile``, the chunk runners) reports it.
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
    """Turn any exception in the block into a ``ReferaError`` that names the table.

    Only this block catches every ``Exception``. Without it an unforeseen fault of one table would keep all
    tables after it from being ingested, in every run. A ``ReferaError`` is raised unchanged, and so is what ends a
    process (``KeyboardInterrupt``, ``SystemExit``).

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
    """Traceback of the fault behind an error, for logging; without its message, which may hold values of rows."""
    fault = error.__cause__
    if fault is None or isinstance(fault, ReferaError):
        return ""
    return f"{''.join(traceback.format_tb(fault.__traceback__))}{type(fault).__name__}"


def _innermost_own_line(fault: Exception) -> str:
    """The innermost frame inside this package, as ``file:line``."""
    own_frames = [
        frame for frame in traceback.extract_tb(fault.__traceback__) if PACKAGE_FOLDER in Path(frame.filename).parents
    ]
    return (
        f"{Path(own_frames[-1].filename).relative_to(PACKAGE_FOLDER)}:{own_frames[-1].lineno}"
        if own_frames
        else "an unknown line"
    )
