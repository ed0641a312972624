"""Source databases: what a declared table is (``table``), and the readers of MySQL and MariaDB (``mysql``).

Writes nothing to the lake: ``ingest`` does.
"""
