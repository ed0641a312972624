"""Connection to a MySQL or MariaDB server: PyMySQL with a faster receiver, which reads large blocks from the socket.

PyMySQL makes several objects for each row; at 8 µs a row, a table of ten million rows takes a minute longer. Login, TLS
and small queries stay PyMySQL's.

    SourceDatabase ──▶ open_wire() ──▶ Wire.command(code, argument) ──▶ packets (buffer, start, end)
                                   └──▶ Wire.select(sql, width) ──▶ file for ``text_result.read_blocks``
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pymysql
from pymysql.err import raise_mysql_exception

from refera_platform.errors import SourceError, error_kind
from refera_platform.settings.source_database import SourceDatabase
from refera_platform.source.mysql.liveness import CLIENT_ERROR_CODES, install_liveness_reader

RECEIVE_BYTES = 1 << 18
"""Bytes to receive from the socket at a time."""
PACKET_HEADER_BYTES = 4
"""Bytes before each packet: its length and its number."""
MAX_PACKET_BYTES = (1 << 24) - 1
"""Length of a packet that continues in the next one."""
CONNECT_TIMEOUT_SECONDS = 10
"""Seconds to connect, and for each answer during login."""
SILENCE_TIMEOUT_SECONDS = 3600
"""Seconds without a byte after which the connection is given up, even if the server answers ``liveness``' probes."""
STRICT_CERTIFICATE_PATTERN = re.compile(
    r"[Kk]ey usage|(Subject|Authority) Key Identifier|Basic Constraints of CA cert|Path length|at least X509v3"
)
"""OpenSSL's errors about certificates that break only RFC 5280's strict rules, which Python checks since 3.13; MySQL's
automatic authority is one."""
COM_QUERY, ERROR_PACKET, END_PACKET = 0x03, 0xFF, 0xFE
SERVER_GONE_CODE, SERVER_LOST_CODE, CONNECTION_KILLED_CODE, SERVER_SHUTDOWN_CODE = 2006, 2013, 1927, 1053
ACCOUNT_ERROR_CODES = frozenset(
    {1040, 1044, 1045, 1049, 1129, 1130, 1142, 1143, 1227, 1370, SERVER_SHUTDOWN_CODE, CONNECTION_KILLED_CODE}
)
"""Error codes for a refused session or a missing privilege; their messages hold no values of rows."""
SESSION_SETUP_SQL = (
    # values that an administrator sets globally could break our expressions, cut off results, or end a session that
    # holds a snapshot open while the binlog is read on another session
    "set session time_zone = '+00:00', sql_mode = '', net_write_timeout = 3600, net_read_timeout = 3600,"
    " wait_timeout = 28800, sql_select_limit = 18446744073709551615, sql_big_selects = 1"
    " /*M!100300 , idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0, max_statement_time = 0 */"
    " /*!50708 , max_execution_time = 0 */",
    "set session transaction read only",
    "set session transaction isolation level repeatable read",
)


class Wire(pymysql.connections.Connection):
    """One connection; an answer must be read to its last packet before the next command."""

    def command(self, code: int, argument: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Send a command and yield the packets of its answer, up to the packet that ends a stream of them.

        Yields:
            A buffer, and where in it a packet begins and ends. The header of a result set is not recognised.

        Raises:
            pymysql.MySQLError: for an error of the server, or a lost connection.
        """
        internals: Any = self  # usable by a subclass, but missing in the package's type stubs
        internals._execute_command(code, argument)
        yield from read_packets(internals._rfile)

    def select(self, sql: str, width: int) -> Any:
        """Send a statement with a result and read the result's header.

        Args:
            sql: The statement.
            width: Columns of its result.

        Returns:
            The file from which the packets of the rows are read.

        Raises:
            pymysql.MySQLError: when the server refuses, or the connection is lost.
        """
        internals: Any = self
        internals._execute_command(COM_QUERY, sql.encode())
        column_count = internals._read_packet().read_length_encoded_integer()
        if column_count != width:
            raise pymysql.InternalError(f"The server answers with {column_count} columns where {width} were asked for")
        for _ in range(width + 1):  # column definitions and the packet that ends them
            internals._read_packet()
        return internals._rfile

    def abandon(self) -> None:
        """Close at once, without reading the rest of the answer."""
        internals: Any = self
        internals._force_close()


@contextmanager
def closing_wire(wire: Wire) -> Iterator[Wire]:
    """Use a connection and close it, also when the server closed it already."""
    try:
        yield wire
    finally:
        if wire.open:
            wire.close()


def lost_connection_error(error: Exception) -> pymysql.OperationalError:
    """The error for a connection that was lost while reading."""
    return pymysql.OperationalError(SERVER_LOST_CODE, f"Lost connection to the server ({error})")


def read_packets(file: Any) -> Iterator[tuple[bytes, int, int]]:
    """Yield the packets read from ``file``, without their headers; those of 16 MB and more are joined.

    Raises:
        pymysql.MySQLError: for an error of the server, or when the bytes end.
    """
    remainder, missing_bytes = b"", 0
    parts: list[bytes] = []
    while True:
        try:
            # the rest of a large packet in one read: appending to it would copy it each time
            received = file.read(missing_bytes) if missing_bytes > RECEIVE_BYTES else file.read1(RECEIVE_BYTES)
        except OSError as error:
            raise lost_connection_error(error) from None
        if not received:
            raise lost_connection_error(EOFError("it was closed"))
        buffer = remainder + received if remainder else received
        offset, size, missing_bytes = 0, len(buffer), 0
        while size - offset >= PACKET_HEADER_BYTES:
            length = buffer[offset] | buffer[offset + 1] << 8 | buffer[offset + 2] << 16
            end = offset + PACKET_HEADER_BYTES + length
            if end > size:
                missing_bytes = end - size
                break
            if parts or length == MAX_PACKET_BYTES:
                parts.append(buffer[offset + PACKET_HEADER_BYTES : end])
                if length < MAX_PACKET_BYTES:
                    joined = b"".join(parts)
                    parts.clear()
                    yield joined, 0, len(joined)
            else:
                if length and buffer[offset + PACKET_HEADER_BYTES] == ERROR_PACKET:
                    raise_mysql_exception(buffer[offset + PACKET_HEADER_BYTES : end])
                yield buffer, offset + PACKET_HEADER_BYTES, end
            offset = end
        remainder = buffer[offset:]


def open_wire(database: SourceDatabase, timeout_seconds: float = CONNECT_TIMEOUT_SECONDS) -> Wire:
    """Open a read-only session in UTC.

    Args:
        database: Address, user and password.
        timeout_seconds: Seconds to connect, and for each answer during login.

    Raises:
        SourceError: when the server cannot be reached or refuses the user.
    """
    try:
        wire = _new_wire(database, timeout_seconds)
        wire.connect()
        with wire.cursor() as cursor:
            for statement in SESSION_SETUP_SQL[1:]:
                cursor.execute(statement)
        install_liveness_reader(wire, partial(_new_wire, database), SILENCE_TIMEOUT_SECONDS)
    except (pymysql.MySQLError, OSError, UnicodeError) as error:
        raise connection_error(database, error) from None
    internals: Any = wire
    internals._read_timeout = internals._write_timeout = SILENCE_TIMEOUT_SECONDS
    return wire


def _new_wire(database: SourceDatabase, timeout_seconds: float) -> Wire:
    """A connection not yet opened; ``timeout_seconds`` holds for each answer during login."""
    return Wire(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        database=database.name,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=timeout_seconds,
        read_timeout=timeout_seconds,
        write_timeout=timeout_seconds,
        ssl=_tls_context(database),
        ssl_disabled=database.ssl_mode == "disabled",
        init_command=SESSION_SETUP_SQL[0],
        program_name="refera",
        defer_connect=True,
    )


def connection_error(database: SourceDatabase, error: Exception) -> SourceError:
    """The error with the server's message, the address and the next step, and without the password."""
    message = str(error.args[-1] if error.args else error)
    message = message.replace(database.password, "***") if database.password else message
    message = message.splitlines()[0].rstrip(".") if message else type(error).__name__
    where = f"The database at {database.host}:{database.port} as {database.user} could not be read"
    passing, is_gone = False, _is_lost_connection(error)
    if not is_gone and STRICT_CERTIFICATE_PATTERN.search(message):
        remedy = (
            "have the certificate issued again with what it lacks, or type ssl_strict=off in the URL, which still"
            " checks who signed it."
        )
    elif not is_gone and ("SSL" in message or "TLS" in message or "certificate" in message.lower()):
        remedy = "give the server's authority as ssl_ca=PATH in the URL, or type ssl_mode=disabled to go without TLS."
    elif "denied" in message:
        remedy = "check the user, its password and that it was granted SELECT on the schema."
    elif "Unknown database" in message:
        remedy = "check the name of the schema in the URL."
    elif is_gone or "onnect" in message or isinstance(error, OSError):
        remedy, passing = "check that the server runs and that its address can be reached from here.", True
    elif "definition has changed" in message:
        remedy, passing = "the table was altered during the read; run again.", True
    else:
        remedy = "nothing was written; correct it and run again."
    public = f"{where}: {message}:" if _is_session_error(error) else f"{where} ({error_kind(error)}):"
    return SourceError(f"{where}: {message}:", remedy, is_transient=passing, public_problem=public)


def _is_session_error(error: Exception) -> bool:
    """Whether the error is about the connection or the account, so that its message cannot hold values of rows."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    return (
        isinstance(error, OSError | pymysql.InterfaceError) or code in ACCOUNT_ERROR_CODES or code in CLIENT_ERROR_CODES
    )


def _is_lost_connection(error: Exception) -> bool:
    """Whether an open connection was lost."""
    code = error.args[0] if error.args else 0
    return isinstance(error, pymysql.InterfaceError) or code in {
        SERVER_GONE_CODE,
        SERVER_LOST_CODE,
        CONNECTION_KILLED_CODE,
        SERVER_SHUTDOWN_CODE,
    }


def _tls_context(database: SourceDatabase) -> ssl.SSLContext | None:
    if database.ssl_mode == "disabled":
        return None
    try:
        context = ssl.create_default_context(cafile=database.ssl_ca or None)
    except OSError as error:
        raise SourceError(
            f"{database.ssl_ca} cannot be read as certificates ({error.strerror or error}):",
            "give the file of the server's authority, in PEM, as ssl_ca=PATH in the URL.",
        ) from None
    if not database.ssl_strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = database.ssl_mode == "verify_identity"
    if database.ssl_mode == "required":
        context.verify_mode = ssl.CERT_NONE
    return context
