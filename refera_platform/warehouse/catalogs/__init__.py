"""Catalogs of what is published: column lineage, dbt docs, AWS Glue. Publishes no table: ``warehouse.publish`` does."""
