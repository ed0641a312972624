"""The one wing that knows Dagster: it wires the rooms into assets, checks, a job and schedules."""
