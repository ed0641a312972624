"""Errors of the platform: every error for people is one of these, with one sentence and one next step.

ReferaError
├── SettingError        a variable, a stage or a file of settings is missing or malformed
├── SourceError         the operational database cannot be read as declared
├── LakeError           a raw object cannot be read, written or trusted
│   ├── DayRefused      this day cannot be ingested (any more, or yet) as requested
│   │   └── UnavailableDayError   no request at all can ingest it now
│   ├── OvertakenError   another run wrote the object first
│   └── DamagedError     the bytes of an object are not those that were written
├── WarehouseError      the build or its audit failed; what was published stays
├── QueryError          a query of the warehouse could not be answered
├── AlertError          an alert could not be delivered
├── DiskFullError       a disk of this machine is full
└── LocalStackError     a local server, the sample source or a dump failed
"""


class ReferaError(Exception):
    """Base of all errors that a person can fix.

    Args:
        problem: One sentence that names the thing and what was expected.
        remedy: The next step, as an imperative; empty when there is none.
        is_transient: Whether the same attempt may succeed soon after; only such an error is retried.
        public_problem: The problem without any value of a row, for alerts. Needed when ``problem`` holds one, or quotes
            a message of another program that may hold one; else empty.
    """

    def __init__(self, problem: str, remedy: str = "", *, is_transient: bool = False, public_problem: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy
        self.is_transient = is_transient
        self.public_problem = public_problem or problem

    @property
    def public_message(self) -> str:
        """Problem and remedy without any value of a row, for alerts."""
        return f"{self.public_problem} {self.remedy}".strip()


class SettingError(ReferaError):
    """A variable, a stage or a settings file is missing or malformed."""


class SourceError(ReferaError):
    """The operational database cannot be read as declared."""


class LakeError(ReferaError):
    """A raw object cannot be read, written or trusted."""


class DayRefused(LakeError):  # noqa: N818 - it reads as what happened to the day
    """This day cannot be ingested (any more, or yet) as requested; another request may be possible."""


class UnavailableDayError(DayRefused):
    """No request can ingest this day now: it is before the first day, in the future, or over for the strategy."""


class OvertakenError(LakeError):
    """Another run wrote the object first."""


class DamagedError(LakeError):
    """The bytes of an object are not those that were written."""


class WarehouseError(ReferaError):
    """The build or its audit failed; what was published stays published."""


class QueryError(ReferaError):
    """A query of the warehouse could not be answered."""


class DiskFullError(ReferaError):
    """A disk of this machine is full."""


class AlertError(ReferaError):
    """An alert could not be delivered."""


class LocalStackError(ReferaError):
    """A local server, the sample source or a dump failed."""


def error_kind(error: BaseException) -> str:
    """Class name and code of another library's error, without its message, which may hold values of rows."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else ""
    return f"{type(error).__name__} {code}".strip()
