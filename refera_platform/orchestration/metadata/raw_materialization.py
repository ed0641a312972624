"""Materialization of a raw table: emits the metadata of each day that an ingest run filled, and the check results.

IngestResult ──▶ materialize_result() ──▶ dg.MaterializeResult (and an event for each day besides the requested ones)

``metadata.raw_table`` makes the metadata of a day, and ``checks.ingest`` the check results.
"""

import dagster as dg

from refera_platform.ingest.result import IngestResult
from refera_platform.orchestration import keys
from refera_platform.orchestration.checks.ingest import ingest_check_results
from refera_platform.orchestration.metadata.raw_table import DayMetadata


def materialize_result(
    context: dg.AssetExecutionContext, result: IngestResult, day_metadata: DayMetadata
) -> dg.MaterializeResult[None]:
    """Materialization of one ingested table, with its check results.

    Metadata of one day is attached to that day's partition only.
    """
    key = keys.raw_table_key(result.table)
    filled_days = [each.day for each in result.ingested_days]
    for day in dict.fromkeys([*result.unseen_days, *result.unchanged_days, *filled_days]):
        if str(day) in context.partition_keys:
            context.add_asset_metadata(day_metadata.for_day(day), asset_key=key, partition_key=str(day))
        elif (
            day in filled_days or day in result.unseen_days
        ):  # an ingest run also completes the day before, and may settle days after the requested ones
            context.log_event(dg.AssetMaterialization(key, partition=str(day), metadata=day_metadata.for_day(day)))
    changes = ", ".join(f"{count} {op}" for op, count in result.added.items()) or "no change"
    context.log.info(f"{result.table.address} day {result.day}: {changes}, {result.seconds:.2f} s")
    return dg.MaterializeResult(
        asset_key=key,
        check_results=ingest_check_results(result, shows_values=day_metadata.shows_values),
    )
