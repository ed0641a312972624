"""What failed runs left undone, as Dagster's history tells it: a retry that ends in silence hides nothing.

failed runs, less what later runs made ──▶ unfinished() ──▶ the recovery sensor, the check ``no_day_failed``
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster import DagsterEventType, RunRecord, RunsFilter

from refera_platform.orchestration.partitions import days_of
from refera_platform.orchestration.process import PROCESS

ROOT, TRY = "refera/retry-of", "refera/try"
"""Tags of a run that tries again: the run that failed first, and how many times it was tried again."""
OWN = frozenset({ROOT, TRY, PROCESS})
"""Tags that are of one run alone."""
AGAIN = "may_succeed_when_tried_again"
"""Metadata of a failure that says false when only other data or other code can help."""
DAILY = "daily"
MAKERS = frozenset({DAILY, "__ASSET_JOB"})
"""The jobs that make assets: ours, and Dagster's own of the Materialize button and of backfills."""
LOST = "its process ended without a word"
"""Cause of a run in which no step failed."""
REMEMBERED = timedelta(days=14)
"""How long a failed run is looked at."""
MOST = 200
"""Failed runs that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A failed run, and what nobody made since."""

    run_id: str
    root: str
    """The run that failed first."""
    tries: int
    """How many times it was tried again already."""
    days: tuple[date, ...]
    """Its days, oldest first; none when it knew no days."""
    assets: frozenset[dg.AssetKey]
    """What is still to be made."""
    cause: str
    """Its failures, one sentence each."""
    may_succeed: bool
    """Whether another try of the same could end otherwise."""
    ended: datetime
    tags: dict[str, str]
    """The tags of ours that say how it was to be run."""


def unfinished(instance: dg.DagsterInstance, known: Collection[dg.AssetKey]) -> Iterator[Unfinished]:
    """Failed runs whose work is still missing, the newest first.

    Args:
        instance: Whose history.
        known: The assets that exist; those of a removed table are owed by nobody.
    """
    since = datetime.now(UTC) - REMEMBERED
    failed = RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], created_after=since)
    for record in instance.get_run_records(failed, limit=MOST):
        run = record.dagster_run
        if run.job_name not in MAKERS:
            continue
        wanted = run.asset_selection if run.asset_selection is not None else frozenset(known)
        made = instance.get_asset_keys_for_run(run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
        days = days_of(run.tags)
        left = {
            key for key in (wanted & frozenset(known)) - made if not _made_since(instance, record, key, days)
        }
        if left:
            causes, may_succeed = _causes(instance, run.run_id)
            yield Unfinished(
                run_id=run.run_id, root=run.tags.get(ROOT, run.run_id), tries=int(run.tags.get(TRY, 0)), days=days,
                assets=frozenset(left), cause=causes, may_succeed=may_succeed, ended=_ended(record),
                tags={
                    name: value for name, value in run.tags.items() if name.startswith("refera/") and name not in OWN
                },
            )  # fmt: skip


def _ended(record: RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else record.update_timestamp


def _made_since(
    instance: dg.DagsterInstance, record: RunRecord, key: dg.AssetKey, days: tuple[date, ...]
) -> bool:
    """Whether a later run made an asset: of one with days, the newest day, before which no gap is allowed."""
    partitions = [str(days[-1])] if days and key.path[0] == "raw" else None
    later = dg.AssetRecordsFilter(
        asset_key=key, after_timestamp=_ended(record).timestamp(), asset_partitions=partitions
    )
    return bool(instance.fetch_materializations(later, limit=1).records)


def _causes(instance: dg.DagsterInstance, run_id: str) -> tuple[str, bool]:
    """Why a run failed, and whether each of the reasons may pass."""
    causes, may_succeed = list[str](), True
    for record in instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_FAILURE).records:
        event = record.event_log_entry.dagster_event
        data = event.step_failure_data if event else None
        if data and data.user_failure_data:
            causes.append(data.user_failure_data.description or "")
            again = data.user_failure_data.metadata.get(AGAIN)
            may_succeed &= again is None or bool(again.value)
        elif data and data.error:
            causes.append((data.error.cause or data.error).message.strip())
    return " | ".join(dict.fromkeys(filter(None, causes))) or LOST, may_succeed
