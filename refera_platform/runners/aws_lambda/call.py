"""Context of one call of the function that reads the source: what every operation takes. Does nothing itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from refera_platform.runners.aws_lambda.event import LambdaRequest
from refera_platform.runners.aws_lambda.json_logger import JsonLogger
from refera_platform.runners.aws_lambda.reporter import ResultReporter
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable


@dataclass(frozen=True, kw_only=True)
class LambdaCall:
    """One call of the function."""

    stage: Stage
    request: LambdaRequest
    declared: Sequence[SourceTable]
    """Every declared table, also those that the event does not name."""
    reporter: ResultReporter
    """Receives each result as soon as it is committed."""
    logger: JsonLogger
    """Receives the same in short."""
    lambda_context: Any
    """Lambda's own context."""

    @property
    def seconds_left(self) -> float:
        """Seconds until Lambda stops the call."""
        return float(self.lambda_context.get_remaining_time_in_millis()) / 1000
