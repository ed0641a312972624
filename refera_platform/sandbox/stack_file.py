"""Addresses and credentials of the local servers: the file ``stack.json``.

Ports and passwords are made once and kept, so that other clients can rely on them. The accounts of the servers are
set from this file at each start. Only its owner can read it.

    new_stack_address() ──▶ write_stack_address() ──▶ stack.json ──▶ read_stack_address() ──▶ StackAddress
"""

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from refera_platform.disk import write_atomically
from refera_platform.errors import LocalStackError
from refera_platform.json_codec import decode_values, encode_json, parse_json_object

STACK_FILE = "stack.json"
STACK_HOST = "127.0.0.1"
STACK_DATABASE = "classicmodels"
STACK_BUCKET = "refera"


@dataclass(frozen=True, kw_only=True)
class Account:
    """One account of the database server."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DatabaseAddress:
    """The local MariaDB."""

    host: str
    port: int
    socket: str
    database: str
    admin: Account
    """Owns the business data, but not the server."""
    reader: Account
    """The platform's own account: it can read the business data and the binlog."""
    root: Account
    """Owns the server; answers on the socket only."""

    def url(self, account: Account) -> str:
        """The URL for any MySQL client."""
        credentials = f"{quote(account.user, safe='')}:{quote(account.password, safe='')}"
        return f"mysql://{credentials}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True, kw_only=True)
class StoreAddress:
    """The local S3 of SeaweedFS."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    first_port: int
    """First port of SeaweedFS's block; the others are offsets from it."""

    def on_ports(self, first_port: int, s3_port: int) -> "StoreAddress":
        """The same store on other ports."""
        return replace(self, endpoint=f"http://{STACK_HOST}:{s3_port}", first_port=first_port)


@dataclass(frozen=True, kw_only=True)
class StackAddress:
    """All addresses and credentials of the local servers."""

    mariadb: DatabaseAddress
    s3: StoreAddress


def new_stack_address(*, mariadb_port: int, socket: Path, s3_port: int, first_port: int) -> StackAddress:
    """An address with new passwords."""
    return StackAddress(
        mariadb=DatabaseAddress(
            host=STACK_HOST,
            port=mariadb_port,
            socket=str(socket),
            database=STACK_DATABASE,
            admin=Account(user="refera_admin", password=secrets.token_urlsafe(24)),
            reader=Account(user="refera_reader", password=secrets.token_urlsafe(24)),
            root=Account(user="root", password=secrets.token_urlsafe(24)),
        ),
        s3=StoreAddress(
            endpoint=f"http://{STACK_HOST}:{s3_port}",
            region="us-east-1",
            access_key=f"refera{secrets.token_hex(7)}",
            secret_key=secrets.token_urlsafe(30),
            bucket=STACK_BUCKET,
            first_port=first_port,
        ),
    )


def read_stack_address(home: Path) -> StackAddress | None:
    """Content of ``stack.json``; ``None`` when no stack was ever started in ``home``.

    Raises:
        LocalStackError: if the file does not describe a stack.
    """
    path = home / STACK_FILE
    try:
        content = parse_json_object(path.read_text())
        # without fields that earlier versions wrote
        store = {name: value for name, value in content["s3"].items() if name != "pages"}
        return decode_values({"mariadb": content["mariadb"], "s3": store}, StackAddress)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LocalStackError(f"{path} cannot be read ({error.strerror}):", "remove it and run `refera up`.") from error
    except (ValueError, KeyError, AttributeError) as error:
        raise LocalStackError(
            f"{path} does not describe a stack:", "remove it and run `refera up`; the data stays."
        ) from error


def write_stack_address(home: Path, address: StackAddress) -> None:
    """Write ``stack.json`` in one step."""
    write_private_file(home / STACK_FILE, encode_json(address, indent=2) + "\n")


def write_private_file(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, in one step."""
    write_atomically(path, text, 0o600)
