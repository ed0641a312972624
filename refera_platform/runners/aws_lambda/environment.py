"""The stage that a function on AWS Lambda works on: its variables, and what Secrets Manager keeps for it.

    variables ──▶ secrets fetched, defaults of Lambda filled in ──▶ stage.load() ──▶ Stage

Secrets are fetched at each call: a rotated password counts from the next one on.
"""

from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.aws import aws_client
from refera_platform.errors import SettingError
from refera_platform.settings.object_store import ObjectStore
from refera_platform.settings.secret_url import url_of
from refera_platform.settings.stage import Stage, load

URL_SECRET, KEY_SECRET = "REFERA_CLASSICMODELS_SECRET", "REFERA_HASH_KEY_SECRET"
HOME = "/tmp/refera"  # noqa: S108 - the one folder of a function that can be written
BESIDE_DUCKDB = 320
"""Megabytes that Python and its libraries, and rows of the log before they are spilled, need beside DuckDB."""
LEAST_MEMORY = 128


def stage_of(variables: Mapping[str, str], *, reads_source: bool) -> Stage:
    """The stage that the variables of a function name.

    Args:
        variables: Its environment.
        reads_source: Whether it needs the address of the database.

    Raises:
        SettingError: for a variable or a secret that is missing or malformed; no value is told.
    """
    own = {"REFERA_STAGE": "production", "REFERA_HOME": HOME, **variables}
    if not own.get("REFERA_S3_REGION"):
        own["REFERA_S3_REGION"] = own.get("AWS_REGION", "")
    size = own.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if not own.get("REFERA_MEMORY_LIMIT") and size.isdigit():
        own["REFERA_MEMORY_LIMIT"] = f"{max(int(size) - BESIDE_DUCKDB, LEAST_MEMORY)}MB"
    store = ObjectStore(region=own["REFERA_S3_REGION"] or "us-east-1")
    if reads_source and (name := own.get(URL_SECRET)):
        own["REFERA_CLASSICMODELS_URL"] = url_of(
            f"The secret that {URL_SECRET} names", _secret(store, URL_SECRET, name)
        )
    if reads_source and (name := own.get(KEY_SECRET)):
        own["REFERA_HASH_KEY"] = _secret(store, KEY_SECRET, name).strip()
    return load(own, reads_source=reads_source)


def _secret(store: ObjectStore, variable: str, name: str) -> str:
    try:
        answer = aws_client(store, "secretsmanager").get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as trouble:
        words = str(trouble).splitlines()[0].rstrip(".")
        raise SettingError(
            f"The secret that {variable} names cannot be read ({words}):",
            "check its name, that it has a value, and that the function's role may get it.",
        ) from None
    if not answer.get("SecretString"):
        raise SettingError(f"The secret that {variable} names is binary:", "write it as text.")
    return str(answer["SecretString"])
