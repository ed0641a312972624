"""PyMySQL's connection with faster ways to receive: the socket is read in large pieces and cut in place.

PyMySQL makes several objects for each row; at 8 µs a row a table of ten million takes a minute more. Login, TLS and
small questions stay PyMySQL's own.

    Database ──▶ open_wire() ──▶ Wire.command(code, argument) ──▶ packets (buffer, start, end)
                                     └──▶ Wire.select(sql, width) ──▶ what ``blocks`` reads rows from
"""

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pymysql
from pymysql.err import raise_mysql_exception

from refera_platform.errors import SourceError, kind_of
from refera_platform.settings.source_database import Database
from refera_platform.source.mysql.liveness import watch

PIECE = 1 << 18
"""Bytes asked of the socket at a time."""
HEADER = 4
"""Bytes ahead of each packet: its length, and its number."""
WHOLE = (1 << 24) - 1
"""Bytes of a packet that another one continues."""
PATIENCE = 10
"""Seconds to connect, and for each answer while logging in."""
SILENCE = 3600
"""Seconds without a byte after which a server counts as gone that still answers others: ``silence`` asks it."""
STRICT = re.compile(
    r"[Kk]ey usage|(Subject|Authority) Key Identifier|Basic Constraints of CA cert|Path length|at least X509v3"
)
"""What OpenSSL says of a certificate that only a strict reading of RFC 5280 refuses, as Python does it since 3.13; the
authority that MySQL makes for itself is one."""
QUERY, ERROR, END = 0x03, 0xFF, 0xFE
GONE, LOST, KILLED, SHUTDOWN = 2006, 2013, 1927, 1053
ACCOUNT = frozenset({1040, 1044, 1045, 1049, 1129, 1130, 1142, 1143, 1227, 1370, SHUTDOWN, KILLED})
"""Codes by which a server turns a session away, or says what its account may not do; their words hold no value."""
CLIENT = range(2000, 3000)
"""Codes of the client itself: no server, no handshake, no connection any more."""
SESSION = (
    # nothing of ours depends on these, and what an administrator set for all sessions could break expressions of ours,
    # cut results, or end a session that holds its snapshot while the log is read on another one
    "set session time_zone = '+00:00', sql_mode = '', net_write_timeout = 3600, net_read_timeout = 3600,"
    " wait_timeout = 28800, sql_select_limit = 18446744073709551615, sql_big_selects = 1"
    " /*M!100300 , idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0, max_statement_time = 0 */"
    " /*!50708 , max_execution_time = 0 */",
    "set session transaction read only",
    "set session transaction isolation level repeatable read",
)


class Wire(pymysql.connections.Connection):
    """One connection; the answer to a command must be taken to its last packet before the next one."""

    def command(self, code: int, argument: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Send a command and yield the packets of its answer, up to the packet that ends a stream of them.

        Yields:
            A buffer and where in it a packet begins and ends. The header of a result set is not told apart.

        Raises:
            pymysql.MySQLError: for an error of the server, or a lost connection.
        """
        inside: Any = self  # what a subclass may use, and the package's type stubs leave out
        inside._execute_command(code, argument)
        yield from packets(inside._rfile)

    def select(self, sql: str, width: int) -> Any:
        """Send a statement with a result and take the result's header.

        Args:
            sql: The statement.
            width: How many columns its result has.

        Returns:
            The file that the packets of its rows come from.

        Raises:
            pymysql.MySQLError: when the server refuses, or the connection is lost.
        """
        inside: Any = self
        inside._execute_command(QUERY, sql.encode())
        found = inside._read_packet().read_length_encoded_integer()
        if found != width:
            raise pymysql.InternalError(f"The server answers with {found} columns where {width} were asked for")
        for _ in range(width + 1):  # what they are, and the end of that
            inside._read_packet()
        return inside._rfile

    def abandon(self) -> None:
        """Close at once, without a word to the server, whose answer has not been taken."""
        inside: Any = self
        inside._force_close()


@contextmanager
def opened(wire: Wire) -> Iterator[Wire]:
    """Use a connection and close it, whether or not the server did so before."""
    try:
        yield wire
    finally:
        if wire.open:
            wire.close()


def lost(trouble: Exception) -> pymysql.OperationalError:
    """What is raised for a connection that brings no more."""
    return pymysql.OperationalError(LOST, f"Lost connection to the server ({trouble})")


def packets(file: Any) -> Iterator[tuple[bytes, int, int]]:
    """The packets that come from ``file``, without their headers; those of 16 MB and more are joined.

    Raises:
        pymysql.MySQLError: for an error of the server, or when the bytes end.
    """
    rest, wanted = b"", 0
    parts: list[bytes] = []
    while True:
        try:
            # the rest of a large packet in one piece: adding to it would copy it each time
            piece = file.read(wanted) if wanted > PIECE else file.read1(PIECE)
        except OSError as trouble:
            raise lost(trouble) from None
        if not piece:
            raise lost(EOFError("it was closed"))
        buffer = rest + piece if rest else piece
        at, size, wanted = 0, len(buffer), 0
        while size - at >= HEADER:
            length = buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16
            end = at + HEADER + length
            if end > size:
                wanted = end - size
                break
            if parts or length == WHOLE:
                parts.append(buffer[at + HEADER : end])
                if length < WHOLE:
                    whole = b"".join(parts)
                    parts.clear()
                    yield whole, 0, len(whole)
            else:
                if length and buffer[at + HEADER] == ERROR:
                    raise_mysql_exception(buffer[at + HEADER : end])
                yield buffer, at + HEADER, end
            at = end
        rest = buffer[at:]


def open_wire(database: Database, patience: float = PATIENCE) -> Wire:
    """A read-only session in UTC.

    Args:
        database: Where, and as whom.
        patience: Seconds to connect, and for each answer while logging in.

    Raises:
        SourceError: when the server cannot be reached or refuses the user.
    """
    try:
        wire = _wire(database, patience)
        wire.connect()
        with wire.cursor() as cursor:
            for statement in SESSION[1:]:
                cursor.execute(statement)
        watch(wire, partial(_wire, database), SILENCE)
    except (pymysql.MySQLError, OSError, UnicodeError) as trouble:
        raise explained(database, trouble) from None
    inside: Any = wire
    inside._read_timeout = inside._write_timeout = SILENCE
    return wire


def _wire(database: Database, patience: float) -> Wire:
    """A session that is not yet begun; ``patience`` is for each answer while it begins."""
    return Wire(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        database=database.name,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=patience,
        read_timeout=patience,
        write_timeout=patience,
        ssl=_tls(database),
        ssl_disabled=database.ssl_mode == "disabled",
        init_command=SESSION[0],
        program_name="refera",
        defer_connect=True,
    )


def explained(database: Database, trouble: Exception) -> SourceError:
    """The server's words with the address and the next step, and without the password."""
    words = str(trouble.args[-1] if trouble.args else trouble)
    words = words.replace(database.password, "***") if database.password else words
    words = words.splitlines()[0].rstrip(".") if words else type(trouble).__name__
    where = f"The database at {database.host}:{database.port} as {database.user} could not be read"
    passing, is_gone = False, _is_gone(trouble)
    if not is_gone and STRICT.search(words):
        remedy = (
            "have the certificate issued anew with what it lacks, or type ssl_strict=off in the URL, which still checks"
            " who signed it."
        )
    elif not is_gone and ("SSL" in words or "TLS" in words or "certificate" in words.lower()):
        remedy = "give the server's authority as ssl_ca=PATH in the URL, or type ssl_mode=disabled to go without TLS."
    elif "denied" in words:
        remedy = "check the user, its password and that it was granted SELECT on the schema."
    elif "Unknown database" in words:
        remedy = "check the name of the schema in the URL."
    elif is_gone or "onnect" in words or isinstance(trouble, OSError):
        remedy, passing = "check that the server runs and that its address can be reached from here.", True
    elif "definition has changed" in words:
        remedy, passing = "the table was altered during the read; run again.", True
    else:
        remedy = "nothing was written; mend it and run again."
    public = f"{where}: {words}:" if _is_of_session(trouble) else f"{where} ({kind_of(trouble)}):"
    return SourceError(f"{where}: {words}:", remedy, passing=passing, public=public)


def _is_of_session(trouble: Exception) -> bool:
    """Whether an error is of the connection or the account: no row was read yet, and none is in its words."""
    code = trouble.args[0] if trouble.args and isinstance(trouble.args[0], int) else 0
    return isinstance(trouble, OSError | pymysql.InterfaceError) or code in ACCOUNT or code in CLIENT


def _is_gone(trouble: Exception) -> bool:
    """Whether there was a connection, and is no more."""
    code = trouble.args[0] if trouble.args else 0
    return isinstance(trouble, pymysql.InterfaceError) or code in {GONE, LOST, KILLED, SHUTDOWN}


def _tls(database: Database) -> ssl.SSLContext | None:
    if database.ssl_mode == "disabled":
        return None
    try:
        context = ssl.create_default_context(cafile=database.ssl_ca or None)
    except OSError as trouble:
        raise SourceError(
            f"{database.ssl_ca} cannot be read as certificates ({trouble.strerror or trouble}):",
            "give the file of the server's authority, in PEM, as ssl_ca=PATH in the URL.",
        ) from None
    if not database.ssl_strict:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = database.ssl_mode == "verify_identity"
    if database.ssl_mode == "required":
        context.verify_mode = ssl.CERT_NONE
    return context
