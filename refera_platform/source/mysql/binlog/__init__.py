"""Binlog of MySQL and MariaDB, read as a stream of transactions: connection, events, table maps, rows, positions.

Knows nothing of the lake: ``ingest.stream`` decides which tables are read and where their rows go.
"""
