"""What an examination found: one precondition, how it stands, and what to do about it."""

from dataclasses import dataclass
from enum import Enum

from refera_platform.errors import ReferaError


class Verdict(Enum):
    """How a precondition stands."""

    OK = "ok"
    WARN = "warn"
    """It works, and something is less than it should be."""
    FAIL = "fail"
    """It does not work, or rows would be lost."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One precondition."""

    about: str
    """What was looked at: ``classicmodels: login``."""
    verdict: Verdict
    found: str
    remedy: str = ""
    """The next step; empty when there is nothing to do."""


def ok_finding(about: str, found: str) -> Finding:
    """It is as it should be."""
    return Finding(about=about, verdict=Verdict.OK, found=found)


def warning_finding(about: str, found: str, remedy: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(about=about, verdict=Verdict.WARN, found=found, remedy=remedy)


def failure_finding(about: str, found: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(about=about, verdict=Verdict.FAIL, found=found, remedy=remedy)


def error_finding(about: str, error: ReferaError) -> Finding:
    """It does not work, in the words of an error."""
    return failure_finding(about, error.problem.rstrip(":;") + ".", error.remedy)
