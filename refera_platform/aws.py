"""Clients of AWS services by boto3: bounded in time, with the store's own keys or the credential chain."""

import functools
import threading
from contextlib import nullcontext
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from refera_platform.errors import SettingError
from refera_platform.settings.loopback import LOOPBACK
from refera_platform.settings.object_store import ObjectStore

ONE_AT_A_TIME = threading.Lock()
"""Held while a client of the shared session is made: botocore's sessions serve one thread, its clients all of them."""


def client(store: ObjectStore, *, attempts: int = 4, patience: float = 60) -> Any:
    """A boto3 S3 client of the store; typed ``Any`` because boto3 makes its clients at run time."""
    return aws_client(store, "s3", endpoint=store.endpoint, attempts=attempts, patience=patience)


def aws_client(store: ObjectStore, service: str, *, endpoint: str = "", attempts: int = 4, patience: float = 60) -> Any:
    """A boto3 client of another service, in the region and with the credentials of the store.

    Args:
        store: Which region and credentials.
        service: As boto3 calls it.
        endpoint: Address of a server that is not AWS.
        attempts: How often a request is made at most.
        patience: Seconds without a byte of an answer after which the server counts as gone.
    """
    host = urlsplit(endpoint).hostname or ""
    config = Config(
        s3={"addressing_style": "path" if endpoint else "auto"},
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=5,
        read_timeout=patience,
        tcp_keepalive=True,
        # an office's proxy has nothing to do with a server on this machine
        proxies={} if host in LOOPBACK else None,
    )
    try:
        with ONE_AT_A_TIME if store.access_key else nullcontext():
            session: Any = _session_without_profile() if store.access_key else _session(None)
            return session.client(
                service,
                endpoint_url=endpoint or None,
                region_name=store.region,
                aws_access_key_id=store.access_key or None,
                aws_secret_access_key=store.secret_key or None,
                config=config,
            )
    except BotoCoreError as trouble:
        raise SettingError(f"The AWS settings cannot be used ({trouble}):", "correct AWS_* or the profile.") from None


def _session(variables: dict[str, Any] | None) -> boto3.session.Session:
    """The user's AWS session, of this moment's environment."""
    own = botocore.session.Session(session_vars=variables)
    own.register_component("data_loader", _models_of_services())
    return boto3.session.Session(botocore_session=own)


@functools.cache
def _session_without_profile() -> boto3.session.Session:
    """For stores that bring their own keys; to make it takes longer than a client.

    What ``[default]`` of the user's AWS configuration says besides keys counts as it was when the process first asked.
    """
    return _session({"profile": (None, [], None, None)})


@functools.cache
def _models_of_services() -> botocore.loaders.Loader:
    """What botocore knows of S3: 0.1 s to read, so it is read once for all clients of the process."""
    return botocore.loaders.create_loader()


def credentials(store: ObjectStore) -> tuple[str, str, str]:
    """Access key, secret key and session token of a store; the AWS credential chain's where it has none of its own.

    Raises:
        SettingError: when the chain has none either.
    """
    if store.access_key:
        return store.access_key, store.secret_key, ""
    found = boto3.session.Session().get_credentials()
    if found is None:
        raise SettingError("No AWS credentials were found:", "give the process a role, a profile or AWS_* variables.")
    frozen = found.get_frozen_credentials()
    return frozen.access_key or "", frozen.secret_key or "", frozen.token or ""
