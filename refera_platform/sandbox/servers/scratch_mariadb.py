"""Scratch MariaDB: a temporary, isolated server that loads a dump file of unknown origin.

It listens on a Unix socket only. Its one account may create databases and tables, but has no server privileges and no
file access. It is removed afterwards; the next run removes what a killed one left.

    open_scratch_server() ──▶ ScratchServer: session() ──▶ removed
"""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql

from refera_platform.sandbox.servers import mariadb, process, short_socket
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.sandbox.stack_file import write_private_file

FOLDER_PREFIX = "restore-"
LOADER_USER = "loader"
DUMP_DATABASE = "dump"
"""Database for the tables of a dump without ``USE``."""
UNSAFE_OPTIONS = {
    "innodb_flush_method": "nosync",
    "innodb_flush_log_at_trx_commit": "0",
    "innodb_doublewrite": "OFF",
    "debug_no_sync": "ON",
}
"""Options that trade durability for speed; the data are temporary."""
SCRATCH_OPTIONS = {
    "skip_networking": "ON",
    "skip_log_bin": "ON",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_general_ci",
    "default_time_zone": "+00:00",
    "max_allowed_packet": "1G",
    "performance_schema": "OFF",
    # closes what a hostile file could reach the machine through
    "local_infile": "OFF",
    "symbolic_links": "OFF",
    "event_scheduler": "OFF",
    **UNSAFE_OPTIONS,
    "innodb_buffer_pool_size": "256M",
    "innodb_log_file_size": "64M",
}


@dataclass(frozen=True, kw_only=True)
class ScratchServer:
    """A running scratch server."""

    home: Path
    folder: Path
    socket: Path
    option_file: Path
    """Socket and account for MariaDB's own client programs."""
    password: str

    @contextmanager
    def session(self, database: str | None = None) -> Iterator[pymysql.cursors.Cursor]:
        """An open session of the one account."""
        # our own socket: PyMySQL leaks its own when nobody answers
        with closing(socket.socket(socket.AF_UNIX)) as unix_socket:
            unix_socket.connect(str(self.socket))
            connection = pymysql.connect(
                host="localhost",
                user=LOADER_USER,
                password=self.password,
                database=database,
                charset="utf8mb4",
                autocommit=True,
                defer_connect=True,
                ssl_disabled=True,
            )
            connection.connect(unix_socket)
            with closing(connection), connection.cursor() as cursor:
                yield cursor

    def unready_reason(self) -> str:
        """Why it does not answer yet; empty when it does."""
        try:
            with self.session(DUMP_DATABASE) as cursor:
                cursor.execute("select 1")
        except (pymysql.MySQLError, OSError) as refused:
            return str(refused)
        return ""


def scratch_daemon(folder: Path, home: Path) -> Daemon:
    """The server of one folder."""
    return Daemon(
        name="The scratch MariaDB",
        executable="mariadbd",
        identifying_argument=f"--defaults-file={folder / 'my.cnf'}",
        folder=folder,
        data=folder / "data",
        log_path=home / "logs" / "restore.log",
        stop_timeout_seconds=0,
    )


def scratch_daemons(home: Path) -> list[Daemon]:
    """The servers of all scratch folders, running or left by a killed run."""
    return [scratch_daemon(folder, home) for folder in (home / "scratch").glob(f"{FOLDER_PREFIX}*")]


def remove_scratch_servers(home: Path) -> None:
    """Stop and remove all scratch servers."""
    for server in scratch_daemons(home):
        process.stop_daemon(server)
        short_socket.remove_short_socket(_socket_path(server.folder))
        shutil.rmtree(server.folder, ignore_errors=True)


@contextmanager
def open_scratch_server(home: Path) -> Iterator[ScratchServer]:
    """A new scratch server inside the block.

    Raises:
        LocalStackError: if it cannot be started.
    """
    remove_scratch_servers(home)
    (home / "scratch").mkdir(exist_ok=True)
    try:
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX, dir=home / "scratch"))
        yield _start_scratch_server(home, scratch_daemon(folder, home))
    finally:
        remove_scratch_servers(home)


def _start_scratch_server(home: Path, server: Daemon) -> ScratchServer:
    folder, password = server.folder, secrets.token_urlsafe(24)
    mariadb.install_data_folder(folder, mariadb.INSTALL_OPTIONS | UNSAFE_OPTIONS).replace(server.data)
    (folder / "nothing").mkdir()
    scratch = ScratchServer(
        home=home,
        folder=folder,
        socket=short_socket.short_socket_path(_socket_path(folder)),
        option_file=folder / "client.cnf",
        password=password,
    )
    options = SCRATCH_OPTIONS | {
        "datadir": str(server.data),
        "tmpdir": str(folder / "tmp"),
        "socket": str(scratch.socket),
        "pid_file": str(folder / "mariadbd.pid"),
        "init_file": str(folder / "init.sql"),
        # the server reads, writes and loads files in an empty folder only
        "secure_file_priv": str(folder / "nothing"),
        "plugin_dir": str(folder / "nothing"),
    }
    write_private_file(folder / "init.sql", _account_sql(password))
    write_private_file(folder / "my.cnf", mariadb.option_file_text("mariadbd", options))
    write_private_file(scratch.option_file, mariadb.client_option_file_text(LOADER_USER, password, scratch.socket))
    pid = process.launch_daemon(server, mariadb.mariadb_command(server))
    process.await_ready(server, pid, scratch.unready_reason)
    return scratch


def _account_sql(password: str) -> str:
    """SQL of one account for every database but the server's own: the more specific grant overrides the wider one."""
    user = f"'{LOADER_USER}'@'localhost'"
    return "".join(
        f"{statement};\n"
        for statement in (
            f"CREATE DATABASE `{DUMP_DATABASE}`",
            f"CREATE USER {user} IDENTIFIED BY '{password}'",
            f"GRANT ALL PRIVILEGES ON `%`.* TO {user}",
            f"GRANT SHOW VIEW ON mysql.* TO {user}",
            f"GRANT SHOW VIEW ON sys.* TO {user}",
            # dumps set the definers of views, and switch off the binlog, which is off already
            f"GRANT SET USER, BINLOG ADMIN, SHOW DATABASES ON *.* TO {user}",
            "DELETE FROM mysql.global_priv WHERE User IN ('root', '')",
            "FLUSH PRIVILEGES",
        )
    )


def _socket_path(folder: Path) -> Path:
    return folder / "mariadbd.sock"
