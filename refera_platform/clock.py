"""Clock: the present instant and day of a stage, in one object, so that simulated days are dated days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The present instant and the calendar of one time zone."""

    time_zone: str = "UTC"
    """IANA name of the zone whose midnight starts a day."""
    fixed: datetime | None = None
    """An aware instant at which time stands still (demo, tests); ``None`` follows the machine."""
    at_least: datetime | None = None
    """An aware instant that the clock is never before: the end of the simulated business."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        if self.fixed is not None:
            return self.fixed.astimezone(UTC)
        present = datetime.now(UTC)
        return max(present, self.at_least.astimezone(UTC)) if self.at_least else present

    def today(self) -> date:
        """The present calendar day."""
        return self.now().astimezone(ZoneInfo(self.time_zone)).date()

    def newest_full_day(self) -> date:
        """The day that a daily run closes: yesterday, or today in its last second."""
        return (self.now() + timedelta(seconds=1)).astimezone(ZoneInfo(self.time_zone)).date() - timedelta(days=1)
