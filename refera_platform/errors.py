"""Every error a person can meet, each one sentence and one next step.

ReferaError
├── SettingError        a variable, a stage or a file of settings is missing or malformed
├── SourceError         the operational database cannot be read as declared
├── LakeError           a raw object cannot be read, written or trusted
│   ├── DayRefused      this day cannot be captured (any more, or yet) as it was asked for
│   │   └── UnavailableDayError   no request at all can capture it: nothing is left to do
│   ├── OvertakenError   another run wrote the object first
│   └── DamagedError     the bytes of an object are not those that were written
├── WarehouseError      the build or its audit failed; what was published stays
├── QueryError          a question to the warehouse could not be answered
├── AlertError          a message could not be delivered
├── DiskFullError       a disk of this machine has no room left
└── LocalStackError     a private server, the sample source or a dump is in trouble
"""


class ReferaError(Exception):
    """Something went wrong that a person can mend.

    Args:
        problem: One sentence that names the thing and what was expected.
        remedy: The next step, as an imperative; empty when there is none.
        passing: Whether the same attempt may succeed a moment later; only such a one is retried.
        public: The problem without any value of a row, where ``problem`` holds one or quotes words of others that may:
            what alerts say. Empty when ``problem`` has none.
    """

    def __init__(self, problem: str, remedy: str = "", *, is_transient: bool = False, public_problem: str = "") -> None:
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy
        self.is_transient = is_transient
        self.public_problem = public_problem or problem

    @property
    def public_message(self) -> str:
        """Problem and remedy as they may leave the house."""
        return f"{self.public_problem} {self.remedy}".strip()


class SettingError(ReferaError):
    """A variable, a stage or a settings file is missing or malformed."""


class SourceError(ReferaError):
    """The operational database cannot be read as declared."""


class LakeError(ReferaError):
    """A raw object cannot be read, written or trusted."""


class DayRefused(LakeError):  # noqa: N818 - it reads as what happened to the day
    """This day cannot be captured (any more, or yet) as it was asked for; another request may bring it."""


class UnavailableDayError(DayRefused):
    """No request at all can capture this day now: it is before the first one, to come, or over for the strategy."""


class OvertakenError(LakeError):
    """Another run wrote the object first."""


class DamagedError(LakeError):
    """The bytes of an object are not those that were written."""


class WarehouseError(ReferaError):
    """The build or its audit failed; what was published stays published."""


class QueryError(ReferaError):
    """A question to the warehouse could not be answered."""


class DiskFullError(ReferaError):
    """A disk of this machine has no room left."""


class AlertError(ReferaError):
    """A message about an incident could not be delivered."""


class LocalStackError(ReferaError):
    """A private server, the sample source or a dump is in trouble."""


def error_kind(error: BaseException) -> str:
    """The name and code of an error that another library raised, without its words: they may hold values of rows."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else ""
    return f"{type(error).__name__} {code}".strip()
