"""Detection of the server's kind: MySQL or MariaDB, by the version that it reports."""

from refera_platform.source.mysql.server import Ask, Server
from refera_platform.source.mysql.server.mariadb import MariaDB
from refera_platform.source.mysql.server.mysql import MySQL


def detect_server(ask: Ask) -> Server:
    """The dialect of the server behind ``ask``."""
    return MariaDB(ask) if "mariadb" in str(ask("select version()")[0][0]).lower() else MySQL(ask)
