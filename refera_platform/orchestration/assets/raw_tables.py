"""Dagster assets of the raw tables: one multi-asset for each source database, read by one ingest run.

``ingest_step`` ingests and materializes; ``checks.ingest`` and ``metadata.labels`` describe checks and tables.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from refera_platform.orchestration import keys
from refera_platform.orchestration.checks.ingest import ingest_check_specs
from refera_platform.orchestration.ingest_step import materialize_tables
from refera_platform.orchestration.metadata.labels import table_code_version, table_labels
from refera_platform.settings.stage import Stage
from refera_platform.source.table import SourceTable

RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
FRESHNESS_WINDOW = timedelta(hours=36)


def build_raw_assets(
    database: str,
    tables: Sequence[SourceTable],
    partitions: dg.PartitionsDefinition[str],
    kind: str = "mysql",
) -> dg.AssetsDefinition:
    """The raw assets of one database.

    Args:
        database: Our name of the database.
        tables: Its tables, in the order in which they are read.
        partitions: The daily partitions.
        kind: Kind of its server: ``mysql`` or ``mariadb``.
    """

    @dg.multi_asset(
        name=f"raw_{database}",
        specs=[_spec(table, kind) for table in tables],
        check_specs=[check for table in tables for check in ingest_check_specs(table)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=keys.source_pool(database),
        retry_policy=RETRIES,
    )
    def raw(context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]) -> Iterator[dg.MaterializeResult[None]]:
        selected_tables = [table for table in tables if keys.raw_table_key(table) in context.selected_asset_keys]
        yield from materialize_tables(context, stage, database, selected_tables)

    return raw


def _spec(table: SourceTable, kind: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=keys.raw_table_key(table),
        group_name="lake",
        description=table.about,
        code_version=table_code_version(table),
        skippable=True,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESHNESS_WINDOW),
        metadata={"strategy": table.strategy.value, "key": ", ".join(table.key)},
        **table_labels(table, kind),
    )
