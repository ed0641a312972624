"""Dagster metadata of assets: figures, labels, charts, previews and column lineage."""
