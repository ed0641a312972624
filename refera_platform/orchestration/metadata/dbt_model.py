"""Dagster metadata of one dbt model of a build, and of one dbt test.

BuildResult + manifest ──▶ ModelMetadata.for_model() ──▶ row counts, columns, lineage, links, preview
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from refera_platform.answers.report.publish import REPORT_PAGE_KEY as REPORT
from refera_platform.lake.links import object_console_url, object_page_url
from refera_platform.orchestration.metadata.bar_chart import ChartLayer, ChartPanel, image_markdown, render_chart
from refera_platform.orchestration.metadata.column_lineage import column_lineage_metadata
from refera_platform.orchestration.metadata.labels import link_metadata
from refera_platform.orchestration.metadata.preview_table import preview_markdown
from refera_platform.orchestration.run_history.failed_steps import FOR_ALERTS_KEY
from refera_platform.settings.stage import PROJECT_FOLDER, Stage
from refera_platform.warehouse.build.failed_rows import MAX_FAILED_ROWS
from refera_platform.warehouse.build.node_result import NodeResult
from refera_platform.warehouse.build.result import BuildResult
from refera_platform.warehouse.catalogs.dbt_docs import DOCS_PAGE_KEY as DOCS
from refera_platform.warehouse.publish.manifest import PublishedModel

MAX_MONTHS = 36
"""Months of a model that are drawn: the newest ones."""


class ModelMetadata:
    """Metadata of the models of one build."""

    def __init__(
        self, stage: Stage, built: BuildResult, manifest: Mapping[str, Any], assets: Mapping[str, dg.AssetKey]
    ) -> None:
        self._stage = stage
        self._built = built
        self._assets = assets
        self._nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
        self._seconds = {node.name: node.seconds for node in built.nodes if node.kind == "model"}

    def for_model(self, name: str) -> dict[str, Any]:
        """Metadata of one model."""
        built, node = self._built, self._nodes[name]
        published_model = built.published.models.get(name) if built.published else None
        docs = self._page_link(DOCS)
        return {
            "seconds": round(self._seconds[name], 3),
            "run_id": built.run_id,
            **link_metadata("docs", docs and f"{docs}#!/model/{node['unique_id']}", "refera report --docs --open"),
            **(self._published_metadata(name, published_model) if published_model else {}),
            **(column_lineage_metadata(name, built.lineage, self._assets) if built.lineage else {}),
        }

    def _published_metadata(self, name: str, model: PublishedModel) -> dict[str, Any]:
        """Metadata of a published table: schema, rows, objects, preview."""
        column_nodes = self._nodes[name]["columns"]
        columns = [
            dg.TableColumn(column, kind, description=column_nodes.get(column, {}).get("description") or None)
            for column, kind in model.columns.items()
        ]
        url = self._built.model_url(name)
        metadata: dict[str, Any] = {
            "dagster/row_count": model.rows,
            "dagster/uri": url,
            "bytes": model.bytes,
            "objects": len(model.objects),
            "dagster/column_schema": dg.TableSchema(columns),
            **link_metadata(
                "object", object_console_url(self._stage.store, url if url.endswith(".parquet") else f"{url}/")
            ),
            "ask": dg.MetadataValue.md(f'`refera query "from {name}"`'),
        }
        if model.stored_by:
            is_written = [
                bool(self._built.full_build_reason) or item.month in self._built.rebuilt_months
                for item in model.objects
            ]
            metadata |= {
                "months_written": sum(is_written),
                "rows_by_month": dg.MetadataValue.md(_months_chart(name, model, is_written)),
            }
        if self._nodes[name]["fqn"][1] == "answers":
            metadata |= link_metadata("report", self._page_link(REPORT), "refera report --open")
        if name in self._built.previews:
            metadata["preview"] = dg.MetadataValue.md(preview_markdown(self._built.previews[name]))
        return metadata

    def _page_link(self, key: str) -> str:
        return object_page_url(self._stage.store, f"{self._stage.warehouse}/{key}")


def dbt_test_metadata(node: NodeResult, built: BuildResult, stage: Stage) -> dict[str, Any]:
    """Metadata of a test: how many rows it found, and where they are stored."""
    metadata: dict[str, Any] = {"failing_rows": node.failures or 0, "seconds": round(node.seconds, 3)}
    if node.is_failed:  # the message of an error may quote a value that could not be read
        rows = f"found {node.failures} rows" if node.failures else "could not be evaluated"
        metadata[FOR_ALERTS_KEY] = f"Test {node.name} {rows}."
    if url := dict(built.failed_rows).get(node.name):
        metadata |= {
            "rows_kept_in": dg.MetadataValue.path(url),
            "rows_kept_at_most": MAX_FAILED_ROWS,
            **link_metadata(
                "rows", object_console_url(stage.store, url), f"refera query \"from read_parquet('{url}')\""
            ),
        }
    return metadata


def code_reference_metadata(node: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Path of a model's SQL on the developer's machine; empty in production, where nobody has that path."""
    if stage.name == "production":
        return {}
    path = PROJECT_FOLDER / node["original_file_path"]
    return {
        "dagster/code_references": dg.CodeReferencesMetadataValue(
            code_references=[dg.LocalFileCodeReference(file_path=str(path), line_number=1, label=path.name)]
        )
    }


def _months_chart(name: str, model: PublishedModel, is_written: list[bool]) -> str:
    """Chart of the rows of the newest months; months that this build wrote have another colour."""
    items = list(zip(model.objects, is_written, strict=True))[-MAX_MONTHS:]
    layers = [
        ChartLayer(name="as before", colour="#94a3b8", values=[0 if new else item.rows for item, new in items]),
        ChartLayer(name="written now", colour="#2563eb", values=[item.rows if new else 0 for item, new in items]),
    ]
    labels = [item.month for item, _ in items]
    alt_text = (
        f"{name}: rows by month, {labels[0]} to {labels[-1]}, {sum(is_written)} of {len(is_written)} months written now"
    )
    return image_markdown(
        alt_text, render_chart(labels, [ChartPanel(title=f"Rows of {name} by {model.stored_by}", layers=layers)])
    )
