"""Where each column of an answer comes from, followed down to the columns of the source.

docs/lineage.json (one step at a time, written with a build) ──▶ origins(): every answer's column, all the way
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refera_platform.errors import WarehouseError
from refera_platform.lake.objects import ObjectRoot

KEY = "docs/lineage.json"
Place = tuple[str, str]
"""Relation and column."""
Steps = Mapping[str, Mapping[str, Sequence[Place]]]
"""For each column of each model, the places it is made of directly."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One column of an answer."""

    model: str
    column: str
    through: tuple[str, ...]
    """``relation.column`` of every model on the way, nearest first."""
    sources: tuple[str, ...]
    """``table.column`` at the source."""


def read_steps(root: ObjectRoot) -> Steps | None:
    """What was written with the last build; ``None`` when nothing was.

    Raises:
        WarehouseError: when the object is not lineage.
    """
    found = root.read(KEY)
    if found is None:
        return None
    try:
        models: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(found[0])["models"]
        return {
            model: {
                column: [(str(step["relation"]), str(step["column"])) for step in steps]
                for column, steps in columns.items()
            }
            for model, columns in models.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as trouble:
        raise WarehouseError(
            f"{root.url(KEY)} is not lineage:", "build the warehouse anew: `refera run`."
        ) from trouble


def origins(steps: Steps, models: Sequence[str]) -> list[Origin]:
    """Every column of some models, followed to where no further step is known."""
    return [_origin(steps, model, column) for model in models for column in steps.get(model, {})]


def _origin(steps: Steps, model: str, column: str) -> Origin:
    through: list[str] = []
    sources: list[str] = []
    seen: set[Place] = {(model, column)}
    waiting = list(steps[model][column])
    while waiting:
        place = waiting.pop(0)
        if place in seen:
            continue
        seen.add(place)
        relation, name = place
        (through if relation in steps else sources).append(f"{relation}.{name}")
        waiting += steps.get(relation, {}).get(name, ())
    return Origin(model=model, column=column, through=tuple(through), sources=tuple(sorted(sources)))
