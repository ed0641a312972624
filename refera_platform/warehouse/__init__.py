"""Room 3, the warehouse: dbt as a library. Builds and tests a star schema from raw objects, publishes it when green."""
