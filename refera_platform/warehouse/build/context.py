"""Context of one build: what its steps share, fixed when the build begins.

Inputs, months to rebuild and results are values that the steps take and return; they are not in here.

build.run ──▶ BuildContext ──▶ incremental, month_lookup, failed_rows, publish, export, publish_catalogs
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from refera_platform.lake.local_copies import LocalCopies
from refera_platform.lake.objects import ObjectRoot
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable
from refera_platform.warehouse.dbt_project import DbtModel, DbtProject
from refera_platform.warehouse.publish.manifest import Publication, PublishedModel


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """What the steps of one build share."""

    stage: Stage
    root: ObjectRoot
    """The warehouse."""
    tables: Sequence[SourceTable]
    """Every declared table; the build reads all of them."""
    project: DbtProject
    """What dbt says of the models."""
    models_to_build: frozenset[str]
    """Names of the models that the build builds; the others stay as published."""
    previous: Publication
    """The publication when the build began."""
    run_id: str
    folder: Path
    """Local folder of the build; removed after it."""
    full_refresh: bool = False
    """Whether a full build was requested, which also sends every object again: stored bytes may be damaged."""

    @property
    def copies(self) -> LocalCopies:
        """Local copies of the warehouse's objects."""
        return LocalCopies(self.root, self.folder)

    @property
    def stored_models(self) -> list[DbtModel]:
        """The models to build whose tables are stored after the build."""
        return [model for name, model in self.project.models.items() if name in self.models_to_build and model.is_kept]

    @property
    def previous_tables(self) -> dict[str, PublishedModel]:
        """Every table of the previous publication, also those that only the platform reads."""
        return {**self.previous.models, **self.previous.state}
