"""What Dagster shows of one model of a build, and of a test of it.

Built + manifest ──▶ ModelMetadata.of(model) ──▶ figures, columns with their descriptions, lineage, links, a preview
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from refera_platform.answers.report.publish import PAGE as REPORT
from refera_platform.lake.links import console, page
from refera_platform.orchestration.metadata.bar_chart import Layer, Panel, markdown, picture
from refera_platform.orchestration.metadata.column_lineage import column_lineage
from refera_platform.orchestration.metadata.labels import way
from refera_platform.orchestration.metadata.preview_table import as_markdown
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS
from refera_platform.settings.stage import Stage
from refera_platform.warehouse.build.failed_rows import MOST
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.result import Built
from refera_platform.warehouse.catalogs.dbt_docs import PAGE as DOCS
from refera_platform.warehouse.dbt_project import FOLDER
from refera_platform.warehouse.publish.publication import PublishedModel

MONTHS = 36
"""Months of a model that are drawn, the newest."""


class ModelMetadata:
    """Metadata of the models of one build."""

    def __init__(
        self, stage: Stage, built: Built, manifest: Mapping[str, Any], assets: Mapping[str, dg.AssetKey]
    ) -> None:
        self._stage = stage
        self._built = built
        self._assets = assets
        self._nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
        self._seconds = {node.name: node.seconds for node in built.nodes if node.kind == "model"}

    def of(self, name: str) -> dict[str, Any]:
        """What is told of one model."""
        built, node = self._built, self._nodes[name]
        served = built.published.models.get(name) if built.published else None
        docs = self._page(DOCS)
        return {
            "seconds": round(self._seconds[name], 3),
            "run_id": built.run_id,
            **way("docs", docs and f"{docs}#!/model/{node['unique_id']}", "refera report --docs --open"),
            **(self._published(name, served) if served else {}),
            **(column_lineage(name, built.lineage, self._assets) if built.lineage else {}),
        }

    def _published(self, name: str, model: PublishedModel) -> dict[str, Any]:
        """What is told of a table that left the build."""
        told = self._nodes[name]["columns"]
        columns = [
            dg.TableColumn(column, kind, description=told.get(column, {}).get("description") or None)
            for column, kind in model.columns.items()
        ]
        url = self._built.url(name)
        metadata: dict[str, Any] = {
            "dagster/row_count": model.rows,
            "dagster/uri": url,
            "bytes": model.bytes,
            "objects": len(model.objects),
            "dagster/column_schema": dg.TableSchema(columns),
            **way("object", console(self._stage.store, url if url.endswith(".parquet") else f"{url}/")),
            "ask": dg.MetadataValue.md(f'`refera query "from {name}"`'),
        }
        if model.stored_by:
            written = [bool(self._built.reason) or item.month in self._built.months for item in model.objects]
            metadata |= {
                "months_written": sum(written),
                "rows_by_month": dg.MetadataValue.md(_drawn(name, model, written)),
            }
        if self._nodes[name]["fqn"][1] == "answers":
            metadata |= way("report", self._page(REPORT), "refera report --open")
        if name in self._built.previews:
            metadata["preview"] = dg.MetadataValue.md(as_markdown(self._built.previews[name]))
        return metadata

    def _page(self, key: str) -> str:
        return page(self._stage.store, f"{self._stage.warehouse}/{key}")


def of_test(node: NodeResult, built: Built, stage: Stage) -> dict[str, Any]:
    """What is told of a test: how many rows it found, and where they are kept."""
    metadata: dict[str, Any] = {"failing_rows": node.failures or 0, "seconds": round(node.seconds, 3)}
    if node.is_red:  # the message of an error quotes what could not be read
        rows = f"found {node.failures} rows" if node.failures else "could not be evaluated"
        metadata[FOR_ALERTS] = f"Test {node.name} {rows}."
    if url := dict(built.failures).get(node.name):
        metadata |= {
            "rows_kept_in": dg.MetadataValue.path(url),
            "rows_kept_at_most": MOST,
            **way("rows", console(stage.store, url), f"refera query \"from read_parquet('{url}')\""),
        }
    return metadata


def code_of(node: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Where the SQL of a model is, on the machine where it is edited; in production nobody has that path."""
    if stage.name == "production":
        return {}
    path = Path(FOLDER) / node["original_file_path"]
    return {
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=[dg.LocalFileCodeReference(file_path=str(path), line_number=1, label=path.name)]
        )
    }


def _drawn(name: str, model: PublishedModel, written: list[bool]) -> str:
    """Rows of the newest months, those that the build wrote in another colour."""
    items = list(zip(model.objects, written, strict=True))[-MONTHS:]
    layers = [
        Layer(name="as before", colour="#94a3b8", values=[0 if new else item.rows for item, new in items]),
        Layer(name="written now", colour="#2563eb", values=[item.rows if new else 0 for item, new in items]),
    ]
    labels = [item.month for item, _ in items]
    told = f"{name}: rows by month, {labels[0]} to {labels[-1]}, {sum(written)} of {len(written)} months written now"
    return markdown(told, picture(labels, [Panel(title=f"Rows of {name} by {model.stored_by}", layers=layers)]))
