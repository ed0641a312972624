"""Address of a source database, parsed from a URL or a secret. Opens no connection: ``source.connection`` does."""

from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from refera_platform.errors import SettingError
from refera_platform.settings.loopback import LOOPBACK_HOSTS
from refera_platform.settings.secret_url import database_url_of_variable

SSL_MODES = ("disabled", "required", "verify_ca", "verify_identity")


@dataclass(frozen=True, kw_only=True)
class SourceDatabase:
    """Address of one operational database."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str
    """Name of the schema on the server; the platform's own name of the database is its key in ``Stage.databases``."""
    ssl_mode: str = "verify_identity"
    ssl_ca: str = ""
    """Path of the certificate authorities to trust; empty for the machine's own."""
    ssl_strict: bool = True
    """Whether a certificate must fulfil all of RFC 5280, where Python checks it (since 3.13)."""
    kind: str = "mysql"
    """``mysql`` or ``mariadb``, for display."""

    @classmethod
    def from_url(cls, variable: str, url: str) -> "SourceDatabase":
        """Parse ``mysql://user:password@host:port/name?ssl_mode=…`` or a secret; TLS is on unless turned off or local.

        Raises:
            SettingError: naming the variable, never its value.
        """
        example = "write mysql://user:password@host:3306/database, special characters percent-encoded."
        try:
            parts = urlsplit(database_url_of_variable(variable, url))
            port = parts.port or 3306
        except ValueError as error:
            raise SettingError(f"{variable} is not a database URL:", example) from error
        name = unquote(parts.path.lstrip("/"))
        if parts.scheme not in {"mysql", "mariadb"} or not parts.hostname or not parts.username or not name:
            raise SettingError(f"{variable} is not a database URL:", example)
        options = {key: values[-1] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        mode = options.pop("ssl_mode", "disabled" if parts.hostname in LOOPBACK_HOSTS else "verify_identity")
        authorities, strict = options.pop("ssl_ca", ""), options.pop("ssl_strict", "on")
        if options or mode not in SSL_MODES or strict not in {"on", "off"}:
            raise SettingError(
                f"{variable} has an option that is not known: ssl_mode is one of {', '.join(SSL_MODES)},"
                " ssl_ca is a path, and ssl_strict is on or off; nothing else may follow the question mark."
            )
        return cls(
            host=parts.hostname,
            port=port,
            user=unquote(parts.username),
            password=unquote(parts.password or ""),
            name=name,
            ssl_mode=mode,
            ssl_ca=authorities,
            ssl_strict=strict == "on",
            kind=parts.scheme,
        )
