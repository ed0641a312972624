"""State of the sample business: the file ``sample.json``, and the preparation of the sample before days are simulated.

Simulates no day: ``simulate`` does.

    home/sample.json ──▶ prepare_sample (creates the sample when there is none) ──▶ SampleState ──▶ simulate
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from refera_platform.disk import write_atomically
from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business.day_payments import last_simulated_day
from refera_platform.sandbox.business.order_history import ORDERS_AT_SCALE_1
from refera_platform.sandbox.business.sample import create_sample, require_scale
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS
from refera_platform.sandbox.business.session import OnSampleProgress, SampleAdmin

DEFAULT_SEED = 1
DEFAULT_SCALE = 1.0
ONE_DAY = timedelta(days=1)
START_OVER_HINT = "start over with `refera down --wipe` and `refera up`"


@dataclass(frozen=True, kw_only=True)
class SampleState:
    """Content of ``sample.json``."""

    seed: int
    scale: float
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
        return SampleState(
            seed=int(content["seed"]),
            scale=float(content["scale"]),
            through=datetime.fromisoformat(through).date() if through else date.min,
        )
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


def prepare_sample(
    home: Path, *, days: int, seed: int | None, scale: float | None, today: date, on_progress: OnSampleProgress
) -> SampleState:
    """The state from which ``days`` days are simulated; creates the sample where there is none.

    A new sample is dated so that ``days`` simulated days end yesterday. A sample whose creation was interrupted is
    created again. Restored tables stay as they are: their business continues ``days`` days ago, or after the last day
    that was simulated on them.

    Raises:
        LocalStackError: if the tables and ``sample.json`` contradict each other or the arguments.
    """
    admin = SampleAdmin.from_home(home)
    state = read_sample_state(home)
    missing = _missing_tables(admin)
    start = today - days * ONE_DAY
    if state is None and not missing:
        return _adopt_restored_tables(home, admin, start, seed, scale)
    if state is None and len(missing) < len(TABLE_DEFINITIONS):
        raise LocalStackError(
            f"The source has some tables of classicmodels, but not {', '.join(missing)}:",
            f"restore a whole dump with `refera restore`, or {START_OVER_HINT}.",
        )
    if state is None or state.is_incomplete:
        new_state = state or SampleState(seed=DEFAULT_SEED, scale=DEFAULT_SCALE)
        new_state = replace(
            new_state, seed=new_state.seed if seed is None else seed, scale=new_state.scale if scale is None else scale
        )
        require_scale(new_state.scale)
        write_sample_state(home, new_state)
        create_sample(admin, seed=new_state.seed, scale=new_state.scale, opening=start, on_progress=on_progress)
        return save_simulated_day(home, new_state, start - ONE_DAY)
    if missing:
        raise LocalStackError(f"The sample source has lost {', '.join(missing)}:", f"{START_OVER_HINT}.")
    if seed not in {None, state.seed} or scale not in {None, state.scale}:
        raise LocalStackError(
            f"The sample source goes on with seed {state.seed} and scale {state.scale:g}:",
            f"leave --seed and --scale out, or {START_OVER_HINT}.",
        )
    return state


def save_simulated_day(home: Path, state: SampleState, day: date) -> SampleState:
    """Record that the tables contain the business up to ``day``."""
    state = replace(state, through=day)
    write_sample_state(home, state)
    return state


def _adopt_restored_tables(
    home: Path, admin: SampleAdmin, start: date, seed: int | None, scale: float | None
) -> SampleState:
    """The state of restored tables."""
    if scale is not None:
        raise LocalStackError(
            "The tables of the source were restored, so --scale has nothing to size:", "leave it out."
        )
    with admin.session() as session:
        session.use(admin.database)
        orders = session.column("select count(*) from orders")[0]
        last = last_simulated_day(session)
    size = round(orders / ORDERS_AT_SCALE_1, 2)
    state = SampleState(seed=DEFAULT_SEED if seed is None else seed, scale=size)
    return save_simulated_day(home, state, max(start - ONE_DAY, last or date.min))


def _missing_tables(admin: SampleAdmin) -> list[str]:
    with admin.session() as session:
        existing = session.column(
            "select table_name from information_schema.tables where table_schema = %s", admin.database
        )
    return [table for table in TABLE_DEFINITIONS if table not in existing]
