"""``refera discover``: writes table declarations for a new source, to standard output or to a new file.

``source.discover`` examines the schema.
"""

import getpass
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import duckdb
import typer

from refera_platform.cli.output import print_message
from refera_platform.errors import SettingError
from refera_platform.settings.source_database import SourceDatabase
from refera_platform.source.connection import Source
from refera_platform.source.declaration import database_name, require_database_name, source_entry_text
from refera_platform.source.discover import propose_tables
from refera_platform.source.mysql.wire import open_wire

EXAMPLES = ("refera discover mysql://reader@db.example.com/shop", "refera discover - --output shop.yml < url")


def discover(
    url: Annotated[
        str,
        typer.Argument(
            help="mysql://user:password@host:port/schema; without a password it is asked for; - reads the URL from"
            " standard input."
        ),
    ],
    name: Annotated[
        str,
        typer.Option("--schema-name", help="What the database is called here; made from its schema by default."),
    ] = "",
    into: Annotated[
        Path | None, typer.Option("--output", help="New file to write; standard output by default.")
    ] = None,
) -> None:
    """Examine the schema and write the declarations of its tables.

    Raises:
        SettingError: for an unreadable URL, an unusable name, or an existing file.
        SourceError: when the server cannot be queried.
    """
    if into is not None and into.exists():
        raise _exists_error(into)
    database = _database(sys.stdin.readline().strip() if url == "-" else url)
    source_name = require_database_name(name, "--schema-name") if name else database_name(database.name)
    with closing(open_wire(database)) as wire, closing(duckdb.connect()) as connection:
        source = Source(connection, wire, database, b"")
        proposals = propose_tables(source, source_name)
        server = f"{'MariaDB' if source.server.kind == 'mariadb' else 'MySQL'} {source.ask('select version()')[0][0]}"
    declarations = source_entry_text(source_name, server, proposals)
    if into is None:
        sys.stdout.write(declarations)
    else:
        try:
            with into.open("x", encoding="utf-8") as file:
                file.write(declarations)
        except FileExistsError:
            raise _exists_error(into) from None
        except OSError as error:
            into.unlink(missing_ok=True)  # a partial file would be taken for a complete one
            raise SettingError(f"{into} cannot be written ({error.strerror}):", "choose another file.") from None
    declared_count = sum(proposal.table is not None for proposal in proposals)
    print_message(
        f"{declared_count} tables declared, {len(proposals) - declared_count} left out with the reason in a comment."
    )
    print_message(
        f"Next: read them, and save them in the project as models/staging/{source_name}/_{source_name}__sources.yml"
    )


def _database(url: str) -> SourceDatabase:
    database = SourceDatabase.from_url("The URL", url)
    if urlsplit(url).password is None and sys.stdin.isatty():
        return replace(database, password=getpass.getpass(f"Password of {database.user}: ", sys.stderr))
    return database


def _exists_error(path: Path) -> SettingError:
    return SettingError(f"{path} already exists, and is not overwritten:", "choose another name, or remove it.")
