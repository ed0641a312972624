"""One asset for each raw table, read in one pass over its database.

A table that cannot be captured is red by itself: the others of the pass are committed all the same.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from refera_platform.engine import scratch
from refera_platform.errors import ReferaError
from refera_platform.lake.captured import Captured, Filled, Refused
from refera_platform.lake.lake import Lake
from refera_platform.lake.passes import capture_tables
from refera_platform.orchestration import keys, raw_checks
from refera_platform.orchestration.process import claim
from refera_platform.source.connection import connect
from refera_platform.source.table import SourceTable
from refera_platform.stage import Stage

RETRIES = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
AFRESH = "refera/resnapshot"
"""Tag of a run whose tables get a new baseline: their rows as they are now, and the deletes that this implies."""
FRESH_WITHIN = timedelta(hours=36)


def build_raw_assets(
    database: str, tables: Sequence[SourceTable], partitions: dg.PartitionsDefinition[str]
) -> dg.AssetsDefinition:
    """The raw assets of one database.

    Args:
        database: Our name of the database.
        tables: Its tables, in the order in which they are read.
        partitions: The calendar.
    """

    @dg.multi_asset(
        name=f"raw_{database}",
        specs=[_spec(table) for table in tables],
        check_specs=[check for table in tables for check in raw_checks.specs(table)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
        pool=f"source_{database}",
        retry_policy=RETRIES,
    )
    def raw(
        context: dg.AssetExecutionContext, stage: dg.ResourceParam[Stage]
    ) -> Iterator[dg.MaterializeResult[None]]:
        claim(context)
        days = [date.fromisoformat(partition) for partition in context.partition_keys]
        wanted = [table for table in tables if keys.raw(table) in context.selected_asset_keys]
        refused = list[Refused]()
        afresh = {table.name for table in wanted} if AFRESH in context.run.tags else set()
        try:
            with scratch(stage) as folder, connect(stage, database, folder) as source:
                for came in capture_tables(Lake(stage), source, wanted, days, stage, folder, afresh=afresh):
                    if isinstance(came, Refused):
                        context.log.error(f"{came.table.address}: {came.trouble}")
                        refused.append(came)
                    else:
                        yield _result(context, came)
        except ReferaError as trouble:
            raise dg.Failure(str(trouble), allow_retries=trouble.passing) from None
        if refused:
            raise _failure(refused)

    return raw


def _spec(table: SourceTable) -> dg.AssetSpec:
    return dg.AssetSpec(
        key=keys.raw(table),
        group_name="lake",
        description=table.about,
        kinds={"mysql", "parquet"},
        skippable=True,
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH_WITHIN),
        metadata={"strategy": table.strategy.value, "key": ", ".join(table.key)},
    )


def _result(context: dg.AssetExecutionContext, captured: Captured) -> dg.MaterializeResult[None]:
    """Events of one captured table; what is true of one day only is told of that day only."""
    key, state = keys.raw(captured.table), captured.state
    for filled in captured.filled:
        if str(filled.day) in context.partition_keys:
            context.add_asset_metadata(
                _of_day(filled, captured), asset_key=key, partition_key=str(filled.day)
            )
        else:  # the day before is completed on the way, and those after it may have to settle what was left open
            context.log_event(
                dg.AssetMaterialization(key, partition=str(filled.day), metadata=_of_day(filled, captured))
            )
    for day in captured.unseen:
        context.add_asset_metadata({"observed": False}, asset_key=key, partition_key=str(day))
    for day in captured.kept:
        context.add_asset_metadata({"kept_as_it_was": True}, asset_key=key, partition_key=str(day))
    columns = [dg.TableColumn(name, kind) for name, kind in state.columns.items()]
    changes = ", ".join(f"{count} {op}" for op, count in captured.added.items()) or "no change"
    context.log.info(f"{captured.table.address} day {captured.day}: {changes}, {captured.seconds:.2f} s")
    return dg.MaterializeResult(
        asset_key=key,
        metadata={"dagster/row_count": captured.lake_rows, "dagster/column_schema": dg.TableSchema(columns)},
        check_results=raw_checks.results(captured),
    )


def _of_day(filled: Filled, captured: Captured) -> dict[str, Any]:
    """What is true of one day of a table."""
    state = filled.state
    added = {f"rows_added_{op}": count for op, count in filled.added.items()}
    return {
        "dagster/partition_row_count": state.row_count, "dagster/uri": filled.url, "bytes": filled.bytes,
        "position": state.end_position, "schema_version": state.schema_version, "seconds": round(captured.seconds, 3),
        "rows_per_second": round(sum(filled.added.values()) / captured.seconds), "quirks": dict(state.quirks), **added,
    }  # fmt: skip


def _failure(refused: Sequence[Refused]) -> dg.Failure:
    """One sentence for all tables that failed for one reason; only what may pass by itself is tried again."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for one in refused:
        said, address = str(one.trouble), one.table.address
        shared = said.replace(f"Table {address}", "the table").replace(address, "the table")
        reasons.setdefault(shared, []).append((one.table.name, said))
    said = " | ".join(
        found[0][1] if len(found) == 1 else f"{', '.join(name for name, _ in found)}: {shared}"
        for shared, found in reasons.items()
    )
    return dg.Failure(said, allow_retries=any(one.trouble.passing for one in refused))
