"""The sensor that tells people: twice a minute it looks at what is wrong, and every channel hears what is new to it.

Dagster's history ──▶ faults ──▶ incidents ──▶ messages ──▶ webhook, e-mail
                                    ▲
                     the sensor's cursor: what was wrong before, and who was told
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from refera_platform.alerts.changes import remember
from refera_platform.alerts.deliver import deliver
from refera_platform.alerts.fault import Kind
from refera_platform.alerts.incident import group
from refera_platform.alerts.memory import Memory
from refera_platform.alerts.send import Channel, channels
from refera_platform.orchestration.run_history.failed_checks import faults_of_checks, going_now
from refera_platform.orchestration.run_history.failed_runs import failed_since, look_at_runs
from refera_platform.settings.stage import Stage

SECONDS_BETWEEN = 30
NOBODY = (
    "Nobody is told: set REFERA_ALERT_WEBHOOK, or REFERA_ALERT_SMTP with REFERA_ALERT_MAIL_FROM and"
    " REFERA_ALERT_MAIL_TO."
)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """What the sensor knows from one look to the next."""

    seen: datetime | None = None
    """Until when failed runs were looked for."""
    watched: tuple[str, ...] = ()
    """Failed runs that nothing has made good yet."""
    memory: Memory = field(default_factory=Memory)

    def written(self) -> str:
        """The same as a short text."""
        content: Mapping[str, Any] = {
            "seen": self.seen.isoformat() if self.seen else None,
            "watched": self.watched,
            **self.memory.as_json(),
        }
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def read(cls, text: str | None) -> "Cursor | None":
        """What was written; an empty one at the very first look, and nothing for what cannot be read."""
        if not text:
            return cls()
        try:
            content = json.loads(text)
            seen = content["seen"]
            return cls(
                seen=datetime.fromisoformat(seen) if seen else None,
                watched=tuple(str(each) for each in content["watched"]),
                memory=Memory.from_json(content),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


def build_alerts_sensor() -> dg.SensorDefinition:
    """On by default; without a channel it does nothing and says so."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=SECONDS_BETWEEN,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of failed runs, failed checks and overdue tables: one message a cause.",
    )
    def alerts(context: dg.SensorEvaluationContext, stage: dg.ResourceParam[Stage]) -> dg.SkipReason:
        out = channels(stage.alerts, stage.name)
        if not out:
            return dg.SkipReason(NOBODY)
        before = Cursor.read(context.cursor)
        if before is None:
            context.log.warning("The cursor could not be read: what is wrong now is told once more.")
        repository = context.repository_def
        if repository is None:
            raise dg.DagsterInvariantViolationError("The sensor was evaluated outside of a code location.")
        after, troubles = look_and_tell(context.instance, repository, out, before or Cursor(), datetime.now(UTC))
        context.update_cursor(after.written())
        for trouble in troubles:
            context.log.error(trouble)
        return dg.SkipReason(" | ".join(troubles) or _standing(after.memory))

    return alerts


def look_and_tell(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    out: Sequence[Channel],
    before: Cursor,
    now: datetime,
) -> tuple[Cursor, list[str]]:
    """What is wrong now is told to those who do not know it yet.

    Returns:
        What is known afterwards, and a sentence for each channel that could not be told.
    """
    graph = repository.asset_graph
    # asked first: what a run found that ends while we look is told at the next look, with the run itself
    going = going_now(instance)
    found, seen = failed_since(instance, before.seen, now)
    runs = look_at_runs(instance, set(graph.get_all_asset_keys()), [*found, *before.watched], now)
    promises = {key: graph.get(key).description or "" for key in graph.asset_check_keys}
    checks = faults_of_checks(instance, promises, going | set(runs.undecided))
    memory = remember(before.memory, group([*runs.faults, *checks]), now)
    memory, troubles = deliver(memory, out, now)
    return Cursor(seen=seen, watched=runs.watched, memory=memory), troubles


def _standing(memory: Memory) -> str:
    """How things are, for who looks at the sensor in the UI."""
    open_still = [story for story in memory.stories if not story.ended and story.kind is not Kind.REFUSED]
    if not open_still:
        return "Nothing is wrong."
    return f"Told already: {' | '.join(story.cause for story in open_still[:5])}"
