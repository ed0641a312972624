"""Settings of the object store: the address of an S3 server that is not AWS, and its keys when there are any.

Opens no connection: ``aws`` and ``duckdb_session`` do.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from refera_platform.errors import SettingError
from refera_platform.settings.loopback import LOOPBACK_HOSTS

TLS_OFF_SUFFIX = "?tls=off"
"""Suffix that allows an ``http://`` address beyond this machine."""


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """Address and credentials of S3. Without an access key the AWS credential chain is used."""

    endpoint: str = ""
    """``http(s)://host:port``; empty for AWS itself."""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


def parse_endpoint(variable: str, text: str) -> str:
    """Parse the address of an S3 server; empty for AWS.

    Raises:
        SettingError: naming the variable, and never a password in it.
    """
    address = text.removesuffix(TLS_OFF_SUFFIX).rstrip("/")
    if "@" in text:
        raise SettingError(
            f"{variable} holds a user or a password:",
            "write only https://host:port; keys come from the AWS chain (AWS_*, profile, role).",
        )
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if text and not (re.fullmatch(r"https?://[^/\s?#]+", address) and parts.hostname):
        raise SettingError(f"{variable}={text!r} is not an address:", "write it as https://host:port.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS and not text.endswith(TLS_OFF_SUFFIX):
        raise SettingError(
            f"{variable}={text!r} sends rows and signatures through the network without TLS:",
            f"write https://, or {address}{TLS_OFF_SUFFIX} if that is meant.",
        )
    return address
