"""Secrets of a DuckDB session: credentials that it holds, and their redaction from its error messages."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import duckdb

from refera_platform.aws import store_credentials
from refera_platform.duckdb_session.quoting import literal, quoted
from refera_platform.errors import SettingError
from refera_platform.settings.loopback import LOOPBACK_HOSTS
from refera_platform.settings.object_store import ObjectStore


def create_store_secret(connection: duckdb.DuckDBPyConnection, store: ObjectStore) -> None:
    """Let ``connection`` read ``s3://`` addresses of the store."""
    key, secret, token = store_credentials(store)
    options = {"type": "s3", "key_id": key, "secret": secret, "region": store.region}
    if token:
        options["session_token"] = token
    if store.endpoint:
        scheme, _, address = store.endpoint.partition("://")
        tls = str(scheme == "https").lower()
        options |= {"endpoint": address.rstrip("/"), "url_style": "path", "use_ssl": tls}
    create_secret(connection, "refera_store", options)
    if urlsplit(store.endpoint).hostname in LOOPBACK_HOSTS:
        # the other client, curl, uses the environment's proxy whatever is set here
        connection.execute("set httpfs_client_implementation = 'httplib'; set http_proxy = ''")


def create_secret(connection: duckdb.DuckDBPyConnection, name: str, options: dict[str, str]) -> None:
    """Create a DuckDB secret; errors show none of its values.

    Raises:
        SettingError: when DuckDB refuses it.
    """
    connection.execute("load httpfs")
    settings = ", ".join(f"{key} {literal(value)}" for key, value in options.items())
    try:
        connection.execute(f"create or replace secret {quoted(name)} ({settings})")
    except duckdb.Error as error:
        redacted = redact(str(error), [value for key, value in options.items() if key not in {"type", "region"}])
        raise SettingError(f"DuckDB refused the credentials: {redacted}") from None


def redact(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret replaced, and with passwords in URLs replaced."""
    for secret in sorted((value for value in secrets if value), key=len, reverse=True):
        text = text.replace(secret, "***")
    return re.sub(r"(?<=://)([^:/@\s]+):[^@\s]+@", r"\1:***@", text)
