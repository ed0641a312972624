"""Quoting of SQL for DuckDB: identifiers and string literals. Backticks of MySQL are in ``source.mysql``."""


def quoted(identifier: str) -> str:
    """An SQL identifier in double quotes, whatever it contains."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string literal, whatever it contains."""
    return "'" + text.replace("'", "''") + "'"
