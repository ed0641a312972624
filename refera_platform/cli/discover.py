"""``refera discover``: the declarations of a new source, on standard output or in a new file."""

import getpass
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from refera_platform.cli.output import say
from refera_platform.errors import SettingError
from refera_platform.settings.source_database import Database
from refera_platform.source.connection import Source
from refera_platform.source.declaration import database_name, known_name, module
from refera_platform.source.discover import discover
from refera_platform.source.mysql.wire import open_wire


def print_catalogue(url: str, name: str, into: Path | None) -> None:
    """Look at a schema and write what can be promised about its tables.

    Args:
        url: Where it is; ``-`` reads it from standard input, so that its password is on no command line.
        name: What the database is to be called; made from its schema's name when empty.
        into: A file that does not exist yet; standard output when ``None``.

    Raises:
        SettingError: for a URL that cannot be read, a name that cannot be used, or a file that is there already.
        SourceError: when the server cannot be asked.
    """
    if into is not None and into.exists():
        raise _taken(into)
    database = _database(sys.stdin.readline().strip() if url == "-" else url)
    called = known_name(name, "--schema-name") if name else database_name(database.name)
    with closing(open_wire(database)) as wire, closing(duckdb.connect()) as connection:
        source = Source(connection, wire, database, b"")
        proposals = discover(source, called)
        server = f"{'MariaDB' if source.server.kind == 'mariadb' else 'MySQL'} {source.ask('select version()')[0][0]}"
    written = module(called, server, proposals)
    if into is None:
        sys.stdout.write(written)
    else:
        try:
            with into.open("x", encoding="utf-8") as file:
                file.write(written)
        except FileExistsError:
            raise _taken(into) from None
        except OSError as trouble:
            into.unlink(missing_ok=True)  # half of it would be taken for all of it
            raise SettingError(f"{into} cannot be written ({trouble.strerror}):", "choose another file.") from None
    declared = sum(proposal.table is not None for proposal in proposals)
    say(f"{declared} tables declared, {len(proposals) - declared} left out with the reason in a comment.")
    say(
        f"Next: read them, save them as refera_platform/source/catalog/{called}.py and name that in catalog/__init__.py"
    )


def _database(url: str) -> Database:
    database = Database.from_url("The URL", url)
    if urlsplit(url).password is None and sys.stdin.isatty():
        return replace(database, password=getpass.getpass(f"Password of {database.user}: ", sys.stderr))
    return database


def _taken(path: Path) -> SettingError:
    return SettingError(f"{path} is there already, and is not overwritten:", "choose another name, or remove it.")
