"""Dagster asset checks: those of each ingest run, and those that run every hour."""
