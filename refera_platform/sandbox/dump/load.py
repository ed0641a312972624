"""A dump file through MariaDB's own client into the scratch server, and what its refusals mean."""

import re
import subprocess
from collections.abc import Callable
from contextlib import suppress

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.dump.expected_tables import quoted
from refera_platform.sandbox.dump.file import Dump
from refera_platform.sandbox.servers import log_file, mariadb
from refera_platform.sandbox.servers.process import environment
from refera_platform.sandbox.servers.scratch_mariadb import DATABASE, Scratch, daemon

REFUSED = re.compile(r"^ERROR (?:(?P<code>\d+) \(\w+\) ?)?(?:at line (?P<line>\d+))?: (?P<words>.*)", re.M | re.S)
WITHIN = re.compile(r" at line (\d+)\s*$")
UNKNOWN = re.compile(r"^ERROR 1049 .*Unknown database '(.+)'$", re.M)
NEAR = re.compile(r"syntax to use near '(.*)' at line \d+\s*$", re.S)
SYNTAX = 1064
BULK = 1180
"""Rows into an empty table without checks are stored, and refused, all at once, and nobody says which was wrong."""
FULL = frozenset({1021, 1030, 1114, 1296})
GONE = frozenset({2006, 2013})
FORBIDDEN = frozenset({1044, 1045, 1142, 1227, 1290, 1370, 1419})
UNCHANGED = "what was there is unchanged"
SHORT = 120
"""Characters of the server's words that are repeated."""


def load(dump: Dump, server: Scratch, progress: Callable[[int, int], None]) -> None:
    """Read the whole file into the scratch server.

    Raises:
        LocalStackError: if the server refuses a statement, with its line; or if the file was cut off.
    """
    while complaint := _complaint(dump, server, progress):
        expected = UNKNOWN.search(complaint)
        if expected is None:
            raise _explained(dump, server, complaint)
        # made with --no-create-db: it uses a database that it expects to find
        with server.session() as cursor:
            cursor.execute(f"create database {quoted(expected[1])}")
    if reason := dump.cut_off():
        raise LocalStackError(
            f"{dump.path} is cut off at line {dump.lines} ({reason}):", f"make the dump again; {UNCHANGED}."
        )


def _complaint(dump: Dump, server: Scratch, progress: Callable[[int, int], None]) -> str:
    """Have the client read the file; what it says when it gives up, which is short: one error."""
    with subprocess.Popen(  # noqa: S603 - the command is ours
        mariadb.client(server.option_file, DATABASE),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=server.folder,
        env=environment(server.folder),
    ) as client:
        try:
            # a client that was refused a statement reads no further
            with suppress(BrokenPipeError):
                _feed(dump, client, progress)
            told = client.communicate()[1].decode(errors="replace").strip()
        finally:
            client.kill()
    return told or "it did not say why" if client.returncode else ""


def _feed(dump: Dump, client: "subprocess.Popen[bytes]", progress: Callable[[int, int], None]) -> None:
    if client.stdin is not None:
        for block, read in dump.blocks():
            client.stdin.write(block)
            progress(read, dump.size)


def _explained(dump: Dump, server: Scratch, complaint: str) -> LocalStackError:
    """What the client's last complaint says about the file."""
    found = REFUSED.search(complaint)
    if found is None:
        return LocalStackError(f"MariaDB's client could not read {dump.path} ({_short(complaint)}); {UNCHANGED}.")
    code, line, words = int(found["code"] or 0), int(found["line"] or 0), found["words"].strip()
    if code in GONE:
        log = daemon(server.folder, server.home).log
        return LocalStackError(*log_file.explain(f"The scratch server stopped while it read {dump.path}", log))
    if code == SYNTAX and (within := WITHIN.search(words)):
        line += int(within[1]) - 1
        if near := NEAR.search(words):
            words = f"syntax error near {_short(near[1])!r}" if near[1] else "syntax error at its end"
    elif code == BULK:
        words = "its rows cannot be stored, often because a key occurs twice"
    remedy = f"mend that line or make the dump again; {UNCHANGED}."
    if code in FULL:
        return LocalStackError(
            f"The scratch server could not store line {line} of {dump.path} ({_short(words)}):",
            f"most often the disk is full: free some space and restore again; {UNCHANGED}.",
        )
    if code in FORBIDDEN:
        remedy = f"dump one database without users and settings (mysqldump classicmodels > file.sql); {UNCHANGED}."
    elif reason := dump.cut_off():
        words = f"{_short(words)}; {reason}, so it looks cut off"
        return LocalStackError(f"{dump.path} is broken at line {line}: {words}:", remedy)
    return LocalStackError(f"{dump.path} is broken at line {line}: {_short(words)}:", remedy)


def _short(words: str) -> str:
    told = " ".join(words.split())
    return told if len(told) <= SHORT else f"{told[:SHORT]}…"
