"""Clients of AWS services by boto3: with timeouts, and the store's own keys or the AWS credential chain."""

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
from refera_platform.settings.loopback import LOOPBACK_HOSTS
from refera_platform.settings.object_store import ObjectStore

SHARED_SESSION_LOCK = threading.Lock()
"""Held while a client of the shared session is made: botocore's clients are thread-safe, its sessions are not."""


def s3_client(store: ObjectStore, *, max_attempts: int = 4, read_timeout_seconds: float = 60) -> Any:
    """Make a boto3 S3 client of the store; typed ``Any`` because boto3 makes its clients at run time."""
    return aws_client(
        store, "s3", endpoint=store.endpoint, max_attempts=max_attempts, read_timeout_seconds=read_timeout_seconds
    )


def aws_client(
    store: ObjectStore, service: str, *, endpoint: str = "", max_attempts: int = 4, read_timeout_seconds: float = 60
) -> Any:
    """Make a boto3 client of any service, in the region and with the credentials of the store.

    Args:
        store: Gives region and credentials.
        service: Name of the service for boto3.
        endpoint: Address of a server that is not AWS.
        max_attempts: Most attempts of a request.
        read_timeout_seconds: Seconds without a byte of an answer after which a request fails.

    Raises:
        SettingError: when the AWS settings cannot be used.
    """
    host = urlsplit(endpoint).hostname or ""
    config = Config(
        s3={"addressing_style": "path" if endpoint else "auto"},
        retries={"mode": "standard", "total_max_attempts": max_attempts},
        connect_timeout=5,
        read_timeout=read_timeout_seconds,
        tcp_keepalive=True,
        # a server on this machine is not reached through a proxy
        proxies={} if host in LOOPBACK_HOSTS else None,
    )
    try:
        with SHARED_SESSION_LOCK if store.access_key else nullcontext():
            session: Any = _session_without_profile() if store.access_key else _session(None)
            return session.client(
                service,
                endpoint_url=endpoint or None,
                region_name=store.region,
                aws_access_key_id=store.access_key or None,
                aws_secret_access_key=store.secret_key or None,
                config=config,
            )
    except BotoCoreError as error:
        raise SettingError(f"The AWS settings cannot be used ({error}):", "correct AWS_* or the profile.") from None


def _session(variables: dict[str, Any] | None) -> boto3.session.Session:
    """A new session with the user's AWS configuration, from the present environment."""
    botocore_session = botocore.session.Session(session_vars=variables)
    botocore_session.register_component("data_loader", _service_models())
    return boto3.session.Session(botocore_session=botocore_session)


@functools.cache
def _session_without_profile() -> boto3.session.Session:
    """The shared session for stores with their own keys; making it takes longer than making a client.

    Settings of ``[default]`` in the user's AWS configuration are read once a process.
    """
    return _session({"profile": (None, [], None, None)})


@functools.cache
def _service_models() -> botocore.loaders.Loader:
    """Botocore's service models: they take 0.1 s to read, so they are read once a process."""
    return botocore.loaders.create_loader()


def store_credentials(store: ObjectStore) -> tuple[str, str, str]:
    """Access key, secret key and session token of a store; from the AWS credential chain when it has no own keys.

    Raises:
        SettingError: when the chain has none either.
    """
    if store.access_key:
        return store.access_key, store.secret_key, ""
    resolved = boto3.session.Session().get_credentials()
    if resolved is None:
        raise SettingError("No AWS credentials were found:", "give the process a role, a profile or AWS_* variables.")
    frozen = resolved.get_frozen_credentials()
    return frozen.access_key or "", frozen.secret_key or "", frozen.token or ""
