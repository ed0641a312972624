"""What goes on by itself after a failure: a sensor that runs again what failed, once its cause is gone.

dead process ──▶ its run is failed ──┐
failed run ──────────────────────────┴─▶ waited long enough? ──▶ doctor finds all well? ──▶ run of what is left
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import RunsFilter

from refera_platform.orchestration.partitions import days_request
from refera_platform.orchestration.run_history.retry_candidates import (
    MAKERS,
    ROOT,
    TRY,
    Unfinished,
    unfinished,
)
from refera_platform.orchestration.run_history.run_process import NOT_ENDED, bury_the_dead
from refera_platform.runners.examination import diagnosis_of
from refera_platform.settings.stage import Stage
from refera_platform.source.catalog import TABLES
from refera_platform.source.doctor.finding import Verdict

FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=4)
MOST_TRIES = 12
"""Tries of one failure; with the waits between them they last for more than a day."""


def recovery_sensor(job: "dg.UnresolvedAssetJobDefinition", stage: Stage) -> dg.SensorDefinition:
    """Looks twice a minute for failed runs; on by default."""

    @dg.sensor(
        name="run_again_what_failed",
        job=job,
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Runs again what a failed run left undone, once its cause is gone: the source answers, the buckets can be"
            " written, the log is still there. Waits twice as long after each try; a red test or a day that cannot be"
            " captured is left to people. Also ends runs whose process was killed."
        ),
    )
    def run_again_what_failed(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        instance = context.instance
        if buried := bury_the_dead(instance, stage.home):
            context.log.warning(f"The processes of these runs are gone: {', '.join(buried)}")
        graph = context.repository_def.asset_graph if context.repository_def else None
        known = graph.materializable_asset_keys if graph else frozenset()
        if going := _going(instance):
            return dg.SkipReason(f"Run {going} is going on.")
        waiting = ""
        for failed in unfinished(instance, known):
            waiting = _why_not(failed, datetime.now(UTC))
            if waiting:
                continue
            if trouble := _trouble(stage):
                return dg.SkipReason(f"The cause is not gone: {trouble}")
            return again(failed)
        return dg.SkipReason(waiting or "No failed run has left anything undone.")

    return run_again_what_failed


def again(failed: Unfinished) -> dg.RunRequest:
    """The run that makes what is left."""
    tries = failed.tries + 1
    knows_days = any(key.path[0] == "raw" for key in failed.assets)
    return days_request(
        failed.days if knows_days else (),
        run_key=f"{failed.root} {tries}",
        tags={**failed.tags, ROOT: failed.root, TRY: str(tries)},
        asset_selection=sorted(failed.assets),
    )


def _going(instance: dg.DagsterInstance) -> str:
    """A run that may be making what is missing now."""
    runs = instance.get_runs(RunsFilter(statuses=NOT_ENDED))
    return next((run.run_id for run in runs if run.job_name in MAKERS), "")


def _why_not(failed: Unfinished, now: datetime) -> str:
    """Why a failed run is not tried again now; empty when it is."""
    if not failed.may_succeed:
        return f"Run {failed.run_id} failed in a way that another try does not mend: {failed.cause}"
    if failed.tries >= MOST_TRIES:
        return f"Run {failed.run_id} was the last of {MOST_TRIES} tries: {failed.cause}"
    if failed.is_lost and not failed.tries:
        return ""
    due = failed.ended + min(FIRST_WAIT * 2**failed.tries, LONGEST_WAIT)
    return f"Run {failed.run_id} is tried again at {due:%H:%M:%S} UTC." if now < due else ""


def _trouble(stage: Stage) -> str:
    """What keeps the sources or the buckets from being used; empty when nothing does."""
    findings = diagnosis_of(stage, TABLES).findings
    return next(
        (f"{each.about}: {each.found} {each.remedy}".strip() for each in findings if each.verdict is Verdict.FAIL),
        "",
    )
