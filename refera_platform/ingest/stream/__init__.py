"""Change-stream ingestion: reads the binlog once for all tables whose strategy is ``log`` and writes their days.

``run`` (one ingest run) uses ``task_planner``, ``reader``, ``router``, ``table_changes`` and ``table_writer``. The
binlog protocol itself is in ``source.mysql.binlog``.
"""
