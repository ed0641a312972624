"""refera_platform: operational databases into an S3 lake and a star schema, every day, without losing a row.

The map of the house. Arrows point one way: a room imports only the rooms above it.

    errors, disk, clock, json_codec       what can go wrong, local files, the present, JSON of declared types
    settings                              stage, addresses, alerts, runner: the only reader of environment variables
    aws, duckdb_session                   clients of AWS; DuckDB sessions, SQL quoting, scratch folders
      │
    source        declared tables and the readers of a database: snapshot, binlog, catalog queries
      │
    project       what one business says: tables, questions and mirrors, read from dbt's yml files
      │
    lake          the store only: keys of objects, their state, schema evolution, the writer of a day
      │
    reconcile     values of the source against values of the lake
      │
    ingest        source → lake, a day at a time: change stream, snapshot in chunks, query-based tables
      │
    doctor        preflight: what must hold before a run
      │
    warehouse     dbt as a library: build, publish, catalogs
      │
    answers       query session, verification, report

Beside them: ``alerts`` (messages about what is wrong), ``runners`` (ingest in this process or on AWS Lambda),
``orchestration`` and ``definitions`` (the only ones that import Dagster), ``sandbox`` (local servers and sample
business, for ``cli`` alone) and ``cli`` (what people type).
"""
