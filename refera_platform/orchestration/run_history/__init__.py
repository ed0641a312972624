"""Run history in Dagster: failed and orphaned runs, their open failures, and retries."""
