"""Result of one dbt node (model or test) of a build, and its line in the run's log output.

Imports no dbt: ``dbt_run`` makes the results.
"""

import re
from dataclasses import dataclass

NODE_LINE_PATTERN = re.compile(
    r"(?P<kind>model|test|unit_test) (?P<name>\S+): (?P<status>[a-z ]+), (?P<seconds>\d+\.\d+) s"
)
FAILED_STATUSES = frozenset({"error", "fail", "runtime error", "partial success"})


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """Result of one dbt node."""

    unique_id: str
    kind: str
    """``model``, ``test`` or ``unit_test``."""
    name: str
    status: str
    """dbt's status: ``success``, ``pass``, ``warn``, ``fail``, ``error``, ``skipped``."""
    seconds: float
    failures: int | None
    """Rows that a test found."""
    message: str
    sql: str = ""
    """Compiled SQL of the node."""

    @property
    def is_failed(self) -> bool:
        """Whether the node keeps the build from being published."""
        return self.status in FAILED_STATUSES

    @property
    def line(self) -> str:
        """One line about the node, as the output of a run shows it."""
        return f"{self.kind} {self.name}: {self.status}, {self.seconds:.2f} s"


def node_result_from_line(line: str) -> NodeResult | None:
    """Parse what ``NodeResult.line`` wrote; ``None`` when the line is not about a node."""
    match = NODE_LINE_PATTERN.fullmatch(line)
    if match is None:
        return None
    return NodeResult(
        unique_id="",
        kind=match["kind"],
        name=match["name"],
        status=match["status"],
        seconds=float(match["seconds"]),
        failures=None,
        message="",
    )
