"""Builds of the warehouse: pinned inputs, one dbt run, results. Publishes nothing: ``warehouse.publish`` does."""
