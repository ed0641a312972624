"""Runners of ingest and build outside of Dagster's process, and examinations where the source can be reached."""
