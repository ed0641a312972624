"""Loader of a dump file: feeds it to MariaDB's own client on the scratch server, and translates the client's errors."""

import re
import subprocess
from collections.abc import Callable
from contextlib import suppress

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.dump.dump_file import DumpFile
from refera_platform.sandbox.dump.expected_tables import backquoted
from refera_platform.sandbox.servers import mariadb, server_log
from refera_platform.sandbox.servers.process import server_environment
from refera_platform.sandbox.servers.scratch_mariadb import DUMP_DATABASE, ScratchServer, scratch_daemon

CLIENT_ERROR_PATTERN = re.compile(
    r"^ERROR (?:(?P<code>\d+) \(\w+\) ?)?(?:at line (?P<line>\d+))?: (?P<words>.*)", re.M | re.S
)
STATEMENT_LINE_PATTERN = re.compile(r" at line (\d+)\s*$")
UNKNOWN_DATABASE_PATTERN = re.compile(r"^ERROR 1049 .*Unknown database '(.+)'$", re.M)
SYNTAX_NEAR_PATTERN = re.compile(r"syntax to use near '(.*)' at line \d+\s*$", re.S)
SYNTAX_ERROR_CODE = 1064
BULK_INSERT_ERROR_CODE = 1180
"""Rows for an empty table without checks are stored in bulk, and refused in bulk: the error names no row."""
DISK_FULL_ERROR_CODES = frozenset({1021, 1030, 1114, 1296})
SERVER_GONE_ERROR_CODES = frozenset({2006, 2013})
FORBIDDEN_ERROR_CODES = frozenset({1044, 1045, 1142, 1227, 1290, 1370, 1419})
SOURCE_UNCHANGED = "the local source is unchanged"
MAX_MESSAGE_CHARACTERS = 120
"""Longest part of a server's message that is repeated."""


def load_dump(dump: DumpFile, server: ScratchServer, on_progress: Callable[[int, int], None]) -> None:
    """Load the whole file into the scratch server.

    Raises:
        LocalStackError: if the server refuses a statement, with its line; or if the file is truncated.
    """
    while client_error := _run_client(dump, server, on_progress):
        expected = UNKNOWN_DATABASE_PATTERN.search(client_error)
        if expected is None:
            raise _to_stack_error(dump, server, client_error)
        # made with --no-create-db: the dump uses a database that it expects to exist
        with server.session() as cursor:
            cursor.execute(f"create database {backquoted(expected[1])}")
    if reason := dump.truncation_reason():
        raise LocalStackError(
            f"{dump.path} is cut off at line {dump.line_count} ({reason}):", f"make the dump again; {SOURCE_UNCHANGED}."
        )


def _run_client(dump: DumpFile, server: ScratchServer, on_progress: Callable[[int, int], None]) -> str:
    """Let the client read the file; returns its one error, or an empty text."""
    with subprocess.Popen(  # noqa: S603 - the command is ours
        mariadb.client_command(server.option_file, DUMP_DATABASE),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=server.folder,
        env=server_environment(server.folder),
    ) as client:
        try:
            # the client stops reading after a refused statement
            with suppress(BrokenPipeError):
                _feed_client(dump, client, on_progress)
            client_output = client.communicate()[1].decode(errors="replace").strip()
        finally:
            client.kill()
    return client_output or "it did not say why" if client.returncode else ""


def _feed_client(dump: DumpFile, client: "subprocess.Popen[bytes]", on_progress: Callable[[int, int], None]) -> None:
    if client.stdin is not None:
        for block, read in dump.blocks():
            client.stdin.write(block)
            on_progress(read, dump.size)


def _to_stack_error(dump: DumpFile, server: ScratchServer, client_error: str) -> LocalStackError:
    """The error that the client's message means for the file."""
    match = CLIENT_ERROR_PATTERN.search(client_error)
    if match is None:
        return LocalStackError(
            f"MariaDB's client could not read {dump.path} ({_shorten(client_error)}); {SOURCE_UNCHANGED}."
        )
    code, line, message = int(match["code"] or 0), int(match["line"] or 0), match["words"].strip()
    if code in SERVER_GONE_ERROR_CODES:
        log_path = scratch_daemon(server.folder, server.home).log_path
        return LocalStackError(
            *server_log.explain_failure(f"The scratch server stopped while it read {dump.path}", log_path)
        )
    if code == SYNTAX_ERROR_CODE and (within := STATEMENT_LINE_PATTERN.search(message)):
        line += int(within[1]) - 1
        if near := SYNTAX_NEAR_PATTERN.search(message):
            message = f"syntax error near {_shorten(near[1])!r}" if near[1] else "syntax error at its end"
    elif code == BULK_INSERT_ERROR_CODE:
        message = "its rows cannot be stored, often because a key occurs twice"
    remedy = f"correct that line or make the dump again; {SOURCE_UNCHANGED}."
    if code in DISK_FULL_ERROR_CODES:
        return LocalStackError(
            f"The scratch server could not store line {line} of {dump.path} ({_shorten(message)}):",
            f"most often the disk is full: free some space and restore again; {SOURCE_UNCHANGED}.",
        )
    if code in FORBIDDEN_ERROR_CODES:
        remedy = (
            f"dump one database without users and settings (mysqldump classicmodels > file.sql); {SOURCE_UNCHANGED}."
        )
    elif reason := dump.truncation_reason():
        message = f"{_shorten(message)}; {reason}, so it looks cut off"
        return LocalStackError(f"{dump.path} is broken at line {line}: {message}:", remedy)
    return LocalStackError(f"{dump.path} is broken at line {line}: {_shorten(message)}:", remedy)


def _shorten(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= MAX_MESSAGE_CHARACTERS else f"{line[:MAX_MESSAGE_CHARACTERS]}…"
