"""How far the sample business has come: the file that says so, and the first step into the business.

The days themselves are simulated next door.

    home/sample.json ──▶ prepare (makes the sample when there is none) ──▶ Standing ──▶ simulate
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from refera_platform.disk import write_whole
from refera_platform.errors import LocalStackError
from refera_platform.sandbox.business.day_payments import last_simulated
from refera_platform.sandbox.business.ledger import ORDERS_AT_SCALE_1
from refera_platform.sandbox.business.sample import create, require_scale
from refera_platform.sandbox.business.schema import TABLES
from refera_platform.sandbox.business.session import Admin, Progress

DEFAULT_SEED = 1
DEFAULT_SCALE = 1.0
ONE_DAY = timedelta(days=1)
START_AFRESH = "start afresh with `refera down --wipe` and `refera up`"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What ``sample.json`` holds."""

    seed: int
    scale: float
    through: date = date.min
    """The last day that is in the tables; the first of all days while the sample is being made."""

    @property
    def unfinished(self) -> bool:
        """Whether the tables are still being filled, or were left so."""
        return self.through == date.min


def read(home: Path) -> Standing | None:
    """The standing that was written last; ``None`` for a source that nothing was simulated on."""
    path = home / "sample.json"
    try:
        said = json.loads(path.read_text())
        through = said.get("simulated_through")
        return Standing(
            seed=int(said["seed"]),
            scale=float(said["scale"]),
            through=datetime.fromisoformat(through).date() if through else date.min,
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as trouble:
        raise LocalStackError(f"{path} does not say how far the sample source is:", f"{START_AFRESH}.") from trouble


def write(home: Path, standing: Standing) -> None:
    """Replace the file in one step."""
    last_second = datetime.combine(standing.through, time(23, 59, 59), UTC).isoformat()
    through = None if standing.unfinished else last_second
    said = {"seed": standing.seed, "scale": standing.scale, "simulated_through": through}
    write_whole(home / "sample.json", json.dumps(said) + "\n")


def prepare(
    home: Path, *, days: int, seed: int | None, scale: float | None, today: date, progress: Progress
) -> Standing:
    """The standing from which ``days`` days are to be simulated; makes the sample where there is none.

    A sample is made so that ``days`` simulated days end yesterday. One whose making was interrupted is made
    again. Tables that somebody restored are taken as they are: the business goes on ``days`` days ago, or
    after the last day that was simulated on them.

    Raises:
        LocalStackError: if the tables and ``sample.json`` contradict one another or what is asked for.
    """
    admin = Admin.of(home)
    standing = read(home)
    missing = _missing_tables(admin)
    start = today - days * ONE_DAY
    if standing is None and not missing:
        return _adopt(home, admin, start, seed, scale)
    if standing is None and len(missing) < len(TABLES):
        raise LocalStackError(
            f"The source has some tables of classicmodels, but not {', '.join(missing)}:",
            f"restore a whole dump with `refera restore`, or {START_AFRESH}.",
        )
    if standing is None or standing.unfinished:
        begun = standing or Standing(seed=DEFAULT_SEED, scale=DEFAULT_SCALE)
        begun = replace(begun, seed=begun.seed if seed is None else seed, scale=begun.scale if scale is None else scale)
        require_scale(begun.scale)
        write(home, begun)
        create(admin, seed=begun.seed, scale=begun.scale, opening=start, progress=progress)
        return reached(home, begun, start - ONE_DAY)
    if missing:
        raise LocalStackError(f"The sample source has lost {', '.join(missing)}:", f"{START_AFRESH}.")
    if seed not in {None, standing.seed} or scale not in {None, standing.scale}:
        raise LocalStackError(
            f"The sample source goes on with seed {standing.seed} and scale {standing.scale:g}:",
            f"leave --seed and --scale out, or {START_AFRESH}.",
        )
    return standing


def reached(home: Path, standing: Standing, day: date) -> Standing:
    """Write down that the business is in the tables up to ``day``."""
    standing = replace(standing, through=day)
    write(home, standing)
    return standing


def _adopt(home: Path, admin: Admin, start: date, seed: int | None, scale: float | None) -> Standing:
    """The standing of tables that somebody restored."""
    if scale is not None:
        raise LocalStackError(
            "The tables of the source were restored, so --scale has nothing to size:", "leave it out."
        )
    with admin.session() as session:
        session.use(admin.database)
        orders = session.column("select count(*) from orders")[0]
        last = last_simulated(session)
    size = round(orders / ORDERS_AT_SCALE_1, 2)
    standing = Standing(seed=DEFAULT_SEED if seed is None else seed, scale=size)
    return reached(home, standing, max(start - ONE_DAY, last or date.min))


def _missing_tables(admin: Admin) -> list[str]:
    with admin.session() as session:
        there = session.column(
            "select table_name from information_schema.tables where table_schema = %s", admin.database
        )
    return [table for table in TABLES if table not in there]
