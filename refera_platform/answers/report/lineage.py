"""Where each column of an answer comes from, followed down to the columns of the source.

docs/lineage.json (one step at a time, written with a build) ──▶ origins(): every answer's column, all the way
"""

from collections.abc import Sequence
from dataclasses import dataclass

from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot
from refera_platform.warehouse.catalogs.dbt_docs import LINEAGE
from refera_platform.warehouse.catalogs.lineage import Column, Lineage, reachable


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One column of an answer."""

    model: str
    column: str
    through: tuple[str, ...]
    """``relation.column`` of every model on the way, nearest first."""
    sources: tuple[str, ...]
    """``table.column`` at the source."""


def read_lineage(root: ObjectRoot) -> Lineage | None:
    """What was written with the last build; ``None`` when nothing was.

    Raises:
        WarehouseError: when the object is not lineage.
    """
    found = root.read(LINEAGE)
    if found is None:
        return None
    lineage = Lineage.from_json(found[0])
    if lineage.problems:
        raise WarehouseError(f"{root.url(LINEAGE)} is not lineage:", "build the warehouse anew: `refera run`.")
    return lineage


def origins(lineage: Lineage, models: Sequence[str]) -> list[Origin]:
    """Every column of some models, followed to where no further step is known."""
    return [_origin(lineage, Column(model, column)) for model in models for column in lineage.models.get(model, {})]


def _origin(lineage: Lineage, column: Column) -> Origin:
    above = [met for met in reachable(column, lineage.parents) if met != column]
    told = {met: f"{met.relation}.{met.column}" for met in above}
    return Origin(
        model=column.relation,
        column=column.column,
        through=tuple(told[met] for met in above if met.relation in lineage.models),
        sources=tuple(sorted(told[met] for met in above if met.relation not in lineage.models)),
    )
