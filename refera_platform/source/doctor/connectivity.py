"""Examination of a server's address, step by step: host name, port, encryption, login, kind and version of server.

SourceDatabase ──▶ examine_address() ──▶ findings, up to the first failure
"""

import socket
from collections.abc import Iterator

from refera_platform.errors import SourceError
from refera_platform.settings.loopback import LOOPBACK_HOSTS
from refera_platform.settings.source_database import SourceDatabase
from refera_platform.source.connection import Source
from refera_platform.source.doctor.finding import Finding, error_finding, failure_finding, ok_finding, warning_finding
from refera_platform.source.mysql.server import server_version
from refera_platform.source.mysql.wire import open_wire

ANSWER_TIMEOUT_SECONDS = 5.0
"""Seconds to wait for a connection, and for each answer during login."""
TESTED_VERSIONS = {"mariadb": ((10, 11), (11, 8))}
"""Versions that the tests run on live servers, by kind of server: those of Debian 12 and 13."""
OLDEST_VERSIONS = {"mariadb": (10, 6), "mysql": (5, 7)}
"""Oldest supported versions, by kind of server."""


def examine_address(database: SourceDatabase, name: str) -> Iterator[Finding]:
    """Connect to the server step by step; the last finding is a failure when a step fails.

    Args:
        database: Address of the server.
        name: Declared name of the database.
    """
    endpoint = f"{database.host}:{database.port}"
    try:
        addresses = socket.getaddrinfo(database.host, database.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        yield failure_finding(
            f"{name}: address",
            f"{database.host} is not a name that this machine can resolve ({error}).",
            "check the host in the URL, and the name servers of this machine.",
        )
        return
    yield ok_finding(f"{name}: address", f"{database.host} is {addresses[0][4][0]}.")
    try:
        socket.create_connection((database.host, database.port), timeout=ANSWER_TIMEOUT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "check that the server runs, its port, and the firewall or security group in between."
        yield failure_finding(f"{name}: port", f"Nothing takes connections at {endpoint} ({reason}).", remedy)
        return
    yield ok_finding(f"{name}: port", f"{endpoint} takes connections.")
    try:
        open_wire(database, ANSWER_TIMEOUT_SECONDS).close()
    except SourceError as error:
        yield error_finding(f"{name}: login", error)
        return
    yield ok_finding(f"{name}: login", f"{database.user} can log in to {database.name}.")


def examine_server(source: Source, name: str) -> list[Finding]:
    """Findings about an open session: its encryption, and the server's kind and version."""
    return [_examine_encryption(source, name), _examine_version(source, name)]


def _examine_encryption(source: Source, name: str) -> Finding:
    about, database = f"{name}: encryption", source.database
    rows = source.ask("show session status like 'Ssl_cipher'")
    cipher = str(rows[0][1]) if rows else ""
    if cipher and database.ssl_mode == "required" and database.host not in LOOPBACK_HOSTS:
        return warning_finding(
            about,
            f"The connection is encrypted ({cipher}), and the server's certificate is not verified.",
            "type ssl_mode=verify_identity and, for an authority of your own, ssl_ca=PATH in the URL.",
        )
    if cipher:
        return ok_finding(about, f"The connection is encrypted ({cipher}).")
    if database.host in LOOPBACK_HOSTS:
        return ok_finding(about, "The server is on this machine, and the connection is not encrypted.")
    return warning_finding(
        about,
        f"Everything that is read from {database.host} crosses the network in the clear.",
        "switch TLS on at the server, and take ssl_mode=disabled out of the URL.",
    )


def _examine_version(source: Source, name: str) -> Finding:
    about, kind, version = f"{name}: server", source.server.kind, server_version(source.ask)
    server_text = f"{'MariaDB' if kind == 'mariadb' else 'MySQL'} {source.ask('select version()')[0][0]}"
    if version in TESTED_VERSIONS.get(kind, ()):
        return ok_finding(about, f"{server_text}, a version that the tests run on.")
    if version < OLDEST_VERSIONS[kind]:
        oldest = ".".join(str(number) for number in OLDEST_VERSIONS[kind])
        return failure_finding(about, f"{server_text} is older than {oldest}.", "update the server.")
    return warning_finding(
        about,
        f"{server_text} was not run by the tests; it is meant to work.",
        "run `refera verify` after the first captures, and report what differs.",
    )
