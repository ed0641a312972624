"""The calendar of the raw assets: one partition a day of the stage's time zone, today's included."""

import dagster as dg

from refera_platform.clock import Clock
from refera_platform.stage import Stage


def daily(stage: Stage) -> dg.DailyPartitionsDefinition:
    """Days from the stage's first to its clock's today.

    A simulated business can be ahead of the machine's clock: its days exist as well.
    """
    ahead = (stage.clock.today() - Clock(time_zone=stage.clock.time_zone).today()).days
    return dg.DailyPartitionsDefinition(
        start_date=f"{stage.first_day:%Y-%m-%d}", timezone=stage.clock.time_zone, end_offset=1 + max(0, ahead)
    )
