"""Readers of MySQL and MariaDB: connection, snapshot of a table, result streaming; ``server`` dialects, ``binlog``."""
