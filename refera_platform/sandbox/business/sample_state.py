"""State of the sample business: the file ``sample.json``, and the preparation of the sample before days are simulated.

Simulates no day: ``simulate`` does.

    SampleSettings, home/sample.json ──▶ prepare_sample (creates the sample when there is none) ──▶ home/sample.json
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from refera_platform.clock import Clock
from refera_platform.disk import write_atomically
from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business.history import ORDERS_AT_SCALE_1, SampleProgress, create_sample, require_scale
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.session import SampleAdmin

ONE_DAY = timedelta(days=1)
START_OVER_HINT = "start over with `refera down --wipe` and `refera up`"
_TABLES_SQL = "select table_name from information_schema.tables where table_schema = %s"
_LAST_DAY_SQL = "select max(checkNumber) from payments where checkNumber regexp '^DY[0-9]{8}$'"


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """Which sample is requested; ``None`` keeps what the sample has, and is 1 for a new one."""

    days: int
    """Days that are to be simulated next; 0 only creates the sample."""
    seed: int | None = None
    scale: float | None = None
    today: date = field(default_factory=Clock().today)
    """The day after those of a new sample; by default the present day in UTC."""


@dataclass(frozen=True, kw_only=True)
class SampleState:
    """Content of ``sample.json``."""

    seed: int = 1
    scale: float = 1.0
    through: date = date.min
    """The last day that is in the tables; ``date.min`` while the sample is being created."""

    @property
    def is_incomplete(self) -> bool:
        """Whether the tables are still being filled, or their creation was interrupted."""
        return self.through == date.min


def read_sample_state(home: Path) -> SampleState | None:
    """The state that was written last; ``None`` for a source on which nothing was simulated.

    Raises:
        LocalStackError: when the file cannot be read as one.
    """
    path = home / "sample.json"
    try:
        content = json.loads(path.read_text())
        through = content.get("simulated_through")
        last_day = datetime.fromisoformat(through).date() if through else date.min
        return SampleState(seed=int(content["seed"]), scale=float(content["scale"]), through=last_day)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocalStackError(f"{path} cannot be read ({error.strerror}):", f"{START_OVER_HINT}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalStackError(
            f"{path} does not say up to which day the sample source was simulated:", f"{START_OVER_HINT}."
        ) from error


def write_sample_state(home: Path, state: SampleState) -> None:
    """Replace the file in one step."""
    last_second = datetime.combine(state.through, time(23, 59, 59), UTC).isoformat()
    through = None if state.is_incomplete else last_second
    content = {"seed": state.seed, "scale": state.scale, "simulated_through": through}
    write_atomically(home / "sample.json", json.dumps(content) + "\n")


def prepare_sample(home: Path, settings: SampleSettings) -> Iterator[SampleProgress]:
    """Create the sample where there is none, dated so that the requested days end yesterday, and yield the progress.

    A sample whose creation was interrupted, also by the end of this iterator, is created again. Restored tables stay as
    they are: their business continues as many days ago as are requested, or after the last day simulated on them.

    Raises:
        LocalStackError: if the tables and ``sample.json`` contradict each other or the settings.
    """
    if settings.days < 0:
        raise LocalStackError(f"{settings.days} days cannot be simulated:", "ask for 0 or more.")
    admin, state = SampleAdmin.from_home(home), read_sample_state(home)
    with admin.session() as session:
        existing = session.column(_TABLES_SQL, admin.database)
    missing = [table for table in TABLE_DEFINITIONS if table not in existing]
    if state is None and not missing:
        _adopt_restored_tables(home, admin, settings)
    elif state is None and len(missing) < len(TABLE_DEFINITIONS):
        raise LocalStackError(
            f"The source has some tables of classicmodels, but not {', '.join(missing)}:",
            f"restore a whole dump with `refera restore`, or {START_OVER_HINT}.",
        )
    elif state is None or state.is_incomplete:
        yield from _create(home, admin, state or SampleState(), settings)
    elif missing:
        raise LocalStackError(f"The sample source has lost {', '.join(missing)}:", f"{START_OVER_HINT}.")
    elif settings.seed not in {None, state.seed} or settings.scale not in {None, state.scale}:
        raise LocalStackError(
            f"The sample source goes on with seed {state.seed} and scale {state.scale:g}:",
            f"leave --seed and --scale out, or {START_OVER_HINT}.",
        )


def _create(home: Path, admin: SampleAdmin, state: SampleState, settings: SampleSettings) -> Iterator[SampleProgress]:
    """Create the sample, and record that it is complete."""
    seed = state.seed if settings.seed is None else settings.seed
    scale = state.scale if settings.scale is None else settings.scale
    require_scale(scale)
    write_sample_state(home, SampleState(seed=seed, scale=scale))
    opening = settings.today - settings.days * ONE_DAY
    yield from create_sample(admin, seed=seed, scale=scale, opening=opening)
    write_sample_state(home, SampleState(seed=seed, scale=scale, through=opening - ONE_DAY))


def _adopt_restored_tables(home: Path, admin: SampleAdmin, settings: SampleSettings) -> None:
    """Record the state of restored tables."""
    if settings.scale is not None:
        raise LocalStackError(
            "The tables of the source were restored, so --scale has nothing to size:", "leave it out."
        )
    with admin.session() as session:
        session.use(admin.database)
        scale = round(session.column("select count(*) from orders")[0] / ORDERS_AT_SCALE_1, 2)
        first_check = session.column(_LAST_DAY_SQL)[0]
    last = date.fromisoformat(first_check[2:]) if first_check else date.min
    through = max(settings.today - (settings.days + 1) * ONE_DAY, last)
    state = SampleState(scale=scale, through=through)
    write_sample_state(home, state if settings.seed is None else replace(state, seed=settings.seed))
