"""Finding of an examination: one precondition, its verdict, and the remedy."""

from enum import Enum

from msgspec import Struct

from refera_platform.errors import ReferaError


class Verdict(Enum):
    """Verdict about a precondition."""

    OK = "ok"
    WARN = "warn"
    """It works, but should be improved."""
    FAIL = "fail"
    """It does not work, or rows would be lost."""


class Finding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One examined precondition."""

    about: str
    """The precondition: ``classicmodels: login``."""
    verdict: Verdict
    found: str
    remedy: str = ""
    """The next step; empty when there is nothing to do."""


def ok_finding(about: str, found: str) -> Finding:
    """A precondition that holds."""
    return Finding(about=about, verdict=Verdict.OK, found=found)


def warning_finding(about: str, found: str, remedy: str) -> Finding:
    """A precondition that holds, but should be improved."""
    return Finding(about=about, verdict=Verdict.WARN, found=found, remedy=remedy)


def failure_finding(about: str, found: str, remedy: str) -> Finding:
    """A precondition that does not hold."""
    return Finding(about=about, verdict=Verdict.FAIL, found=found, remedy=remedy)


def error_finding(about: str, error: ReferaError) -> Finding:
    """A precondition that does not hold, with the message of an error."""
    return failure_finding(about, error.problem.rstrip(":;") + ".", error.remedy)
