"""Dagster assets: raw tables, dbt models and the report."""
