"""Stage of a Lambda function: its environment variables, completed with secrets from Secrets Manager.

    variables ──▶ secrets fetched, defaults of Lambda added ──▶ load_stage() ──▶ Stage

Secrets are fetched at each call, so a rotated password is used from the next call on.
"""

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.aws import aws_client
from refera_platform.errors import SettingError
from refera_platform.settings.object_store import ObjectStore
from refera_platform.settings.secret_url import database_url_of_secret
from refera_platform.settings.stage import Stage, load_stage

URL_SECRET, KEY_SECRET = "REFERA_CLASSICMODELS_SECRET", "REFERA_HASH_KEY_SECRET"
LAMBDA_HOME = "/tmp/refera"  # noqa: S108 - the one folder of a function that can be written
NON_DUCKDB_MEGABYTES = 320
"""Megabytes beside DuckDB: for Python, its libraries, and rows of the change stream that are not spilled yet."""
MIN_MEMORY_MEGABYTES = 128


def lambda_stage(variables: Mapping[str, str], *, reads_source: bool) -> Stage:
    """Stage that the environment variables of a function describe.

    Args:
        variables: Environment of the function.
        reads_source: Whether the function needs the URL of the database.

    Raises:
        SettingError: for a missing or malformed variable or secret; the message contains no secret value.
    """
    settings = {"REFERA_STAGE": "production", "REFERA_HOME": LAMBDA_HOME, **variables}
    if not settings.get("REFERA_S3_REGION"):
        settings["REFERA_S3_REGION"] = settings.get("AWS_REGION", "")
    size = settings.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not settings.get("REFERA_MEMORY_LIMIT") and size.isdigit():
        settings["REFERA_MEMORY_LIMIT"] = f"{max(int(size) - NON_DUCKDB_MEGABYTES, MIN_MEMORY_MEGABYTES)}MB"
    store = ObjectStore(region=settings["REFERA_S3_REGION"] or "us-east-1")
    if reads_source and (name := settings.get(URL_SECRET)):
        settings["REFERA_CLASSICMODELS_URL"] = database_url_of_secret(
            f"The secret that {URL_SECRET} names", _fetch_secret(store, URL_SECRET, name)
        )
    if reads_source and (name := settings.get(KEY_SECRET)):
        settings["REFERA_HASH_KEY"] = _fetch_secret(store, KEY_SECRET, name).strip()
    return load_stage(settings, reads_source=reads_source)


def _fetch_secret(store: ObjectStore, variable: str, name: str) -> str:
    try:
        answer = aws_client(store, "secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        message = str(error).splitlines()[0].rstrip(".")
        raise SettingError(
            f"The secret that {variable} names cannot be read ({message}):",
            "check its name, that it has a value, and that the function's role may get it.",
        ) from None
    if not answer.get("SecretString"):
        raise SettingError(f"The secret that {variable} names is binary:", "write it as text.")
    return str(answer["SecretString"])
