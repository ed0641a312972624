"""Database URLs in secrets: the text of a secret, read by a Lambda function or passed by ECS, as a URL.

a URL | {"url": …} | {"username": …, "password": …, "host": …, …} ──▶ database_url_of_secret() ──▶ the URL
"""

from urllib.parse import quote, urlencode

from refera_platform.errors import SettingError
from refera_platform.json_codec import parse_json_object


def database_url_of_secret(secret_name: str, secret: str) -> str:
    """The URL of a database.

    Args:
        secret_name: Name of the secret in messages.
        secret: The URL, JSON with ``url``, or JSON with the fields that RDS writes.

    Raises:
        SettingError: naming the secret and the fields that are missing, never a value.
    """
    if secret.lstrip().startswith(("mysql://", "mariadb://")):
        return secret.strip()
    try:
        fields = parse_json_object(secret)
    except ValueError:
        raise SettingError(
            f"{secret_name} is neither a database URL nor a JSON object:",
            'write {"url": "mysql://…"}, or username, password, host, port and dbname.',
        ) from None
    if fields.get("url"):
        return str(fields["url"])
    if missing := [name for name in ("username", "password", "host", "dbname") if not fields.get(name)]:
        raise SettingError(
            f"{secret_name} has no {', '.join(missing)}:",
            'write them into it, or {"url": "mysql://…"}.',
        )
    options = urlencode({name: fields[name] for name in ("ssl_mode", "ssl_ca", "ssl_strict") if fields.get(name)})
    user, password, name = (quote(str(fields[part]), safe="") for part in ("username", "password", "dbname"))
    address = f"{fields['host']}:{fields.get('port') or 3306}"
    return f"mysql://{user}:{password}@{address}/{name}{'?' + options if options else ''}"


def database_url_of_variable(variable: str, text: str) -> str:
    """The URL in a variable: the URL itself, or the JSON of a secret, which ECS hands over unchanged."""
    return database_url_of_secret(variable, text) if text.lstrip().startswith("{") else text.strip()
