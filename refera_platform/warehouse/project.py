"""The dbt project as Python sees it: where it is, its parsed manifest, and which models a selection needs.

dbt/ ──parse──▶ Project ──▶ published models, what to build for a selection
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refera_platform.errors import WarehouseError
from refera_platform.stage import CHECKOUT

FOLDER = CHECKOUT / "dbt"
TARGET = FOLDER / "target"
MANIFEST = TARGET / "manifest.json"
PUBLISHED_FOLDERS = ("marts", "answers")
"""Folders below ``models/`` whose tables leave the build; the others live and die with it."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One dbt model."""

    name: str
    folder: str
    """First folder below ``models/``: ``staging``, ``marts`` or ``answers``."""
    depends_on: frozenset[str]
    """Names of the models it reads."""

    @property
    def is_published(self) -> bool:
        """Whether its table leaves the build."""
        return self.folder in PUBLISHED_FOLDERS


@dataclass(frozen=True, kw_only=True)
class Project:
    """The models by name, in no order."""

    models: Mapping[str, Model]

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "Project":
        """Read dbt's ``manifest.json``."""
        nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
        models = {
            node["name"]: Model(
                name=node["name"],
                folder=node["fqn"][1],
                depends_on=frozenset(
                    nodes[parent]["name"] for parent in node["depends_on"]["nodes"] if parent in nodes
                ),
            )
            for node in nodes.values()
        }
        return cls(models=models)

    def chosen(self, selected: Collection[str] | None) -> frozenset[str]:
        """The models a selection names; everything for ``None``.

        Raises:
            WarehouseError: naming what is not a model.
        """
        if selected is None:
            return frozenset(self.models)
        if strangers := sorted(set(selected) - set(self.models)):
            raise WarehouseError(
                f"{', '.join(strangers)} is not a model of the warehouse:",
                f"choose from {', '.join(sorted(self.models))}.",
            )
        return frozenset(selected)

    def to_build(self, chosen: Collection[str]) -> frozenset[str]:
        """The chosen models and the unpublished ones they cannot be built without."""
        wanted, waiting = set(chosen), list(chosen)
        while waiting:
            for parent in self.models[waiting.pop()].depends_on - wanted:
                if not self.models[parent].is_published:
                    wanted.add(parent)
                    waiting.append(parent)
        return frozenset(wanted)

    def to_read(self, building: Collection[str]) -> frozenset[str]:
        """The published models that these read and do not build themselves."""
        parents = {parent for name in building for parent in self.models[name].depends_on}
        return frozenset(parents - set(building))


def files() -> list[Path]:
    """Every file that a parse depends on, and every folder: its time tells of files that were removed."""
    folders = [FOLDER / name for name in ("models", "macros", "tests")]
    return [
        FOLDER / "dbt_project.yml", FOLDER / "profiles.yml",
        *folders, *(path for folder in folders for path in folder.rglob("*")),
    ]  # fmt: skip
