"""Dagster layer: assets, checks, jobs, schedules, sensors and the executor. No other package imports Dagster."""
