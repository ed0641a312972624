"""refera_platform: operational databases into an S3 lake and a star schema, every day, without losing a row.

The map of the house; arrows point one way, a room knows only the rooms before it:

    stage, clock, errors, engine      where everything is, what time it is, what can go wrong
      │
    source     1   what the business wrote: table declarations and the readers of each strategy
      │
    lake       2   the same rows as Parquet, day by day, each object carrying its own state
      │
    warehouse  3   dbt as a library: build, audit, publish
      │
    answers    4   what leaves the house: the questions, the query session and the report

Beside them: ``local`` (the embedded servers and the sample source), ``alerts`` (who is told when something is
wrong, and in which words), ``remote`` (capture and build as functions on AWS Lambda, and who calls them),
``orchestration`` and ``definitions`` (the only ones that know Dagster), and ``cli`` (what people type).
"""
