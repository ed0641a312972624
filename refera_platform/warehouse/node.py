"""What became of one model or test of a build, in our words."""

from dataclasses import dataclass

RED = frozenset({"error", "fail", "runtime error", "partial success"})


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
    def is_red(self) -> bool:
        """Whether it keeps the build from being published."""
        return self.status in RED
