"""What became of one model or test of a build, in our words."""

import re
from dataclasses import dataclass

NODE_LINE_PATTERN = re.compile(
    r"(?P<kind>model|test|unit_test) (?P<name>\S+): (?P<status>[a-z ]+), (?P<seconds>\d+\.\d+) s"
)
FAILED_STATUSES = frozenset({"error", "fail", "runtime error", "partial success"})


@dataclass(frozen=True, kw_only=True)
class NodeResult:
    """What became of one dbt node."""

    unique_id: str
    kind: str
    """``model``, ``test`` or ``unit_test``."""
    name: str
    status: str
    """dbt's word: ``success``, ``pass``, ``warn``, ``fail``, ``error``, ``skipped``."""
    seconds: float
    failures: int | None
    """Rows that a test found wrong."""
    message: str
    sql: str = ""
    """What a test asked, for those that found rows."""

    @property
    def is_failed(self) -> bool:
        """Whether it keeps the build from being published."""
        return self.status in FAILED_STATUSES

    @property
    def line(self) -> str:
        """One line about it, as the log of a run has it."""
        return f"{self.kind} {self.name}: {self.status}, {self.seconds:.2f} s"


def node_result_from_line(line: str) -> NodeResult | None:
    """What a line of the log says of a node; ``None`` when it is about something else."""
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
