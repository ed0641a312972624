"""Source databases: declared tables (``table``, ``catalog``), and the readers of MySQL and MariaDB (``mysql``).

Writes nothing to the lake: ``ingest`` does.
"""
