"""Dagster's side of a call, when there is one: what came of each table goes to it over S3, the moment it is committed.

event with Pipes' parameters ──▶ opened() ──▶ Listener.hear(came) ──▶ S3 ──▶ Dagster
"""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster_pipes import (
    DAGSTER_PIPES_CONTEXT_ENV_VAR,
    DagsterPipesError,
    PipesContext,
    PipesMappingParamsLoader,
    PipesS3MessageWriter,
    open_dagster_pipes,
)

from refera_platform.engine import client
from refera_platform.errors import ReferaError, SettingError
from refera_platform.lake.captured import Captured
from refera_platform.remote.facts import Came, told
from refera_platform.stage import ObjectStore

FACTS = "captured"
"""Key of the metadata that says all of a capture."""
INTERVAL = 1.0
"""Seconds between two messages; the last one is written at once."""


class Listener:
    """Somebody who is told what comes of a call; nobody, when Dagster did not make it."""

    def __init__(self, pipes: Any = None) -> None:
        self._pipes = pipes

    @property
    def is_there(self) -> bool:
        """Whether anybody listens."""
        return self._pipes is not None

    def hear(self, came: Came) -> None:
        """Tell what came of one table."""
        if self._pipes is None:
            return
        said = told(came)
        if isinstance(came, Captured):
            self._pipes.report_asset_materialization(
                asset_key=f"raw/{came.table.database}/{came.table.name}",
                metadata={FACTS: {"raw_value": said, "type": "json"}},
            )
        else:
            self._pipes.report_custom_message(said)


@contextmanager
def opened(event: Mapping[str, Any], store: ObjectStore) -> Iterator[Listener]:
    """Whoever listens to the call.

    The context of the call before must not be met again: an environment of Lambda serves many calls, and Pipes keeps
    one context for each process (dagster-io/dagster issue 22094).

    Raises:
        SettingError: when the event's parameters of Pipes cannot be read.
    """
    if DAGSTER_PIPES_CONTEXT_ENV_VAR not in event:
        yield Listener()
        return
    PipesContext._instance = None
    failed: ReferaError | None = None
    try:
        try:
            loader = PipesMappingParamsLoader(event)
            if "path" in loader.load_context_params():
                raise ValueError("they name a file of the function's")
            session = open_dagster_pipes(
                params_loader=loader, message_writer=PipesS3MessageWriter(client(store), interval=INTERVAL)
            )
        except (DagsterPipesError, ValueError, KeyError, TypeError, zlib.error) as trouble:
            raise SettingError(
                f"The event's parameters of Dagster Pipes cannot be read ({trouble})."
            ) from None
        with session as pipes:
            try:
                yield Listener(pipes)
            except ReferaError as trouble:
                # Pipes would tell what our error was made of, which may hold what our error does not
                failed = trouble
        if failed:
            raise failed
    finally:
        PipesContext._instance = None
