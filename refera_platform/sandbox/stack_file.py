"""Where the private servers answer and who may enter: the file ``stack.json``, and nothing else.

Ports and passwords are made once and kept, so that what was told to another client stays true. The file is the
only place of the passwords; it can be read by its owner alone.

    new() ──▶ write() ──▶ stack.json ──▶ read() ──▶ StackAddress
"""

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from refera_platform.disk import write_atomically
from refera_platform.errors import LocalStackError
from refera_platform.json_fields import require_types

STACK_FILE = "stack.json"
STACK_HOST = "127.0.0.1"
STACK_DATABASE = "classicmodels"
STACK_BUCKET = "refera"


@dataclass(frozen=True, kw_only=True)
class Account:
    """One user of the database server."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DatabaseAddress:
    """The private MariaDB."""

    host: str
    port: int
    socket: str
    database: str
    admin: Account
    """Owns the business data; not the server."""
    reader: Account
    """What the platform itself uses: it can read the business data and the binary log."""
    root: Account
    """Owns the server; answers on the socket only."""

    def url(self, account: Account) -> str:
        """The address any MySQL client takes."""
        credentials = f"{quote(account.user, safe='')}:{quote(account.password, safe='')}"
        return f"mysql://{credentials}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True, kw_only=True)
class StoreAddress:
    """The private S3 of SeaweedFS."""

    endpoint: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    first_port: int
    """SeaweedFS takes a block of ports; the others are counted from this one."""

    def on_ports(self, first_port: int, s3_port: int) -> "StoreAddress":
        """The same store on other ports."""
        return replace(self, endpoint=f"http://{STACK_HOST}:{s3_port}", first_port=first_port)


@dataclass(frozen=True, kw_only=True)
class StackAddress:
    """Everything needed to reach the private servers."""

    mariadb: DatabaseAddress
    s3: StoreAddress


def new_stack_address(*, mariadb_port: int, socket: Path, s3_port: int, first_port: int) -> StackAddress:
    """An address with fresh passwords."""
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
    """What ``stack.json`` says, or ``None`` when no stack was ever started in ``home``.

    Raises:
        LocalStackError: if the file does not describe a stack.
    """
    path = home / STACK_FILE
    try:
        content = json.loads(path.read_text())
        server = {
            **content["mariadb"],
            **{role: Account(**content["mariadb"][role]) for role in ("admin", "reader", "root")},
        }
        # without what versions before noted
        store = {name: value for name, value in content["s3"].items() if name != "pages"}
        address = StackAddress(mariadb=DatabaseAddress(**server), s3=StoreAddress(**store))
        for part in (address.mariadb, address.mariadb.admin, address.mariadb.reader, address.mariadb.root, address.s3):
            require_types(part)
        return address
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalStackError(
            f"{path} does not describe a stack:", "remove it and run `refera up`; the data stays."
        ) from error


def write_stack_address(home: Path, address: StackAddress) -> None:
    """Put ``stack.json`` in place in one step."""
    write_private_file(home / STACK_FILE, json.dumps(asdict(address), indent=2) + "\n")


def write_private_file(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, in one step."""
    write_atomically(path, text, 0o600)
