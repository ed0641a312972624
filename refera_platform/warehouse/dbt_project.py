"""The dbt project as Python values: its folders, the models of its parsed manifest, and what a selection must build.

Parses nothing: ``dbt_manifest`` does.

dbt/ ──parse──▶ DbtProject ──▶ published models, models to build for a selection
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from refera_platform.errors import WarehouseError
from refera_platform.settings.stage import PROJECT_FOLDER
from refera_platform.source.collation import fold_tables_hash

TARGET_FOLDER = PROJECT_FOLDER / "target"
MANIFEST_FILE = TARGET_FOLDER / "manifest.json"
PUBLISHED_FOLDERS = ("marts", "answers")
"""Folders below ``models/`` whose tables are published; the others exist only during the build."""

PUBLISHED_SCHEMA = "published"
"""dbt source, and schema in the build's database, with the tables of the previous publication."""


@dataclass(frozen=True, kw_only=True)
class MonthlyStorage:
    """How a model is stored in one object a month; ``months`` in the model's meta."""

    by: str
    """Column with the month, like 2026-11, or ``unknown``. Models with the same column share their months."""
    found_by: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Columns by which the months of a changed row are looked up -> source table -> its column with the value."""
    dated_by: Mapping[str, str] = field(default_factory=dict)
    """Source table -> its column whose date decides in which month a row lies now."""
    totals: Mapping[str, str] = field(default_factory=dict)
    """Name of a measure -> its SQL. Stored for each month, for audits that read only some months."""


@dataclass(frozen=True, kw_only=True)
class DbtModel:
    """One dbt model."""

    name: str
    folder: str
    """First folder below ``models/``: ``staging``, ``marts`` or ``answers``."""
    depends_on: frozenset[str]
    """Names of the models it reads."""
    months: MonthlyStorage | None = None
    is_state: bool = False
    """Whether the next build continues from its table."""
    types: tuple[tuple[str, str], ...] = ()
    """Columns and their types in its contract."""
    rebuilt_on: tuple[str, ...] = ()
    """Source tables of which any change forces a full build."""

    @property
    def is_published(self) -> bool:
        """Whether its table is published."""
        return self.folder in PUBLISHED_FOLDERS

    @property
    def is_kept(self) -> bool:
        """Whether its table is stored after the build, for readers or for the next build."""
        return self.is_published or self.is_state


@dataclass(frozen=True, kw_only=True)
class DbtProject:
    """The dbt models by name, in no order."""

    models: Mapping[str, DbtModel]

    @property
    def published(self) -> frozenset[str]:
        """Names of the published models."""
        return frozenset(name for name, model in self.models.items() if model.is_published)

    def logic_hash(self) -> str:
        """A hash of what the models compute; descriptions do not change it."""
        model_lines = [
            f"{name} {model.months} {model.is_state} {model.rebuilt_on} {model.types}"
            for name, model in sorted(self.models.items())
        ]
        code = _hash(path for path in project_files() if path.suffix == ".sql" or path.name == "dbt_project.yml")
        return hashlib.sha256("\n".join([code, fold_tables_hash(), *model_lines]).encode()).hexdigest()

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> "DbtProject":
        """Read dbt's ``manifest.json``."""
        nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
        models = {
            node["name"]: DbtModel(
                name=node["name"],
                folder=node["fqn"][1],
                months=MonthlyStorage(**monthly) if (monthly := node["config"]["meta"].get("months")) else None,
                is_state=node["config"]["meta"].get("is_state", False),
                types=tuple((name, column.get("data_type") or "") for name, column in node["columns"].items()),
                rebuilt_on=tuple(node["config"]["meta"].get("rebuilt_on", ())),
                depends_on=frozenset(
                    nodes[parent]["name"] for parent in node["depends_on"]["nodes"] if parent in nodes
                ),
            )
            for node in nodes.values()
        }
        return cls(models=models)

    def select_models(self, selected: Collection[str] | None) -> frozenset[str]:
        """The models of a selection; all models for ``None``.

        Raises:
            WarehouseError: naming what is not a model.
        """
        if selected is None:
            return frozenset(self.models)
        if unknown_models := sorted(set(selected) - set(self.models)):
            raise WarehouseError(
                f"{', '.join(unknown_models)} is not a model of the warehouse:",
                f"choose from {', '.join(sorted(self.models))}.",
            )
        return frozenset(selected)

    def models_to_build(self, chosen: Collection[str]) -> frozenset[str]:
        """The chosen models and the unpublished ones that they read."""
        required, queue = set(chosen), list(chosen)
        while queue:
            for parent in self.models[queue.pop()].depends_on - required:
                if not self.models[parent].is_published:
                    required.add(parent)
                    queue.append(parent)
        return frozenset(required)

    def models_to_read(self, models_to_build: Collection[str]) -> frozenset[str]:
        """The published models that these read and that are not built themselves."""
        parents = {parent for name in models_to_build for parent in self.models[name].depends_on}
        return frozenset(parents - set(models_to_build))


def project_hash() -> str:
    """A hash of all files of the project, descriptions included."""
    return _hash(path for path in project_files() if path.is_file())


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(PROJECT_FOLDER)}\0{path.read_text()}\0".encode())
    return digest.hexdigest()


def project_files() -> list[Path]:
    """Every file that a parse depends on, and every folder: a folder's time changes when a file is removed."""
    folders = [PROJECT_FOLDER / name for name in ("models", "macros", "tests")]
    return [
        PROJECT_FOLDER / "dbt_project.yml",
        PROJECT_FOLDER / "profiles.yml",
        *folders,
        *(path for folder in folders for path in folder.rglob("*")),
    ]
