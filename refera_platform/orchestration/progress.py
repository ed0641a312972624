"""Progress events of a run: each is a record of ``logging``, for whoever displays the run. Imports no Dagster.

ProgressEvent ──▶ log_progress() ──▶ handlers of LOGGER

``headless`` logs them, ``log_entry`` makes them of Dagster's event log, and ``cli.live_table`` shows them.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

LOGGER = logging.getLogger(__name__)
LOGGER.addHandler(logging.NullHandler())  # without a handler, logging would print failures to standard error


class ProgressKind(Enum):
    """Kind of a progress event."""

    PLANNED = "an asset is to be made"
    CHECK_PLANNED = "a check is to be made"
    STARTED = "a step began"
    WAITING = "a step waits for a pool"
    BUILT = "a model of the build is there and not yet published"
    MATERIALIZED = "an asset was made"
    CHECKED = "a check has been made"
    FAILED = "a step failed"
    LOGGED = "a line was written to the log"


@dataclass(frozen=True, kw_only=True)
class ProgressEvent:
    """One progress event."""

    kind: ProgressKind
    asset: str = ""
    """Asset key with slashes; for a model that was built, its bare name."""
    check: str = ""
    """Name of the check."""
    step: str = ""
    """Step that materializes the asset."""
    line: str = ""
    """The event for people: a sentence for what failed, or the name of what was made."""
    level: int = logging.INFO
    """Of ``logging``: an error for what fails the run, a warning for a failed check that does not."""
    passed: bool = True
    """Whether a check passed (or failed only as a warning), or a model was built."""
    seconds: float = 0.0
    metadata: Mapping[str, object] = field(default_factory=dict)


def log_progress(event: ProgressEvent) -> None:
    """Log an event; the record has it as its attribute ``progress``."""
    LOGGER.log(event.level, "%s", event.line, extra={"progress": event})
