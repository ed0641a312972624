"""The private S3: SeaweedFS as one process (``weed mini``), all of its ports moved, nothing reported home.

One door is open, S3, and it asks for the keys. Behind the others (master, volume, filer, admin, each with HTTP and
gRPC) SeaweedFS asks no login of its own, so each of them demands the certificate that ``prepare`` makes for the server
alone: who cannot read our folder cannot finish a handshake.

prepare() ──▶ s3.json, security.toml, own.pem ──▶ command() ──▶ trouble() is ""
"""

import http.client
import json
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from refera_platform.errors import LocalStackError
from refera_platform.sandbox.servers import certificate
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.sandbox.stack_file import HOST, StoreAddress, write_private

PORTS = {
    "master.port": 0,
    "master.port.grpc": 1,
    "volume.port": 2,
    "volume.port.grpc": 3,
    "filer.port": 4,
    "filer.port.grpc": 5,
    "s3.port": 6,
    "s3.port.grpc": 7,
    "admin.port": 9,
    # its own worker looks for it there, and fills the log with complaints when it is anywhere else
    "admin.port.grpc": 10_009,
}
"""Every listening port, counted from the first of the block."""
FLAGS = (
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-webdav=false",
    "-admin.ui=false",
    "-master.telemetry=false",
    "-s3.autoCreateBucket=false",
    # after a kill the old election state would delay the start by up to 15 s
    "-master.resumeState=false",
    "-volume.preStopSeconds=0",
)
GUARDED = ("master", "volume", "filer", "admin")
"""Parts that speak HTTP besides S3."""
CALLED = (*GUARDED, "s3", "worker", "msg_broker", "msg_agent", "mq")
"""Parts that speak gRPC."""
SECURITY = "security.toml"
ENVIRONMENT = {"GOMEMLIMIT": "300MiB"}
"""Uploads of 250 MB left it at 505 MB without, at 160 MB with the limit, and not slower."""


def daemon(home: Path) -> Daemon:
    """The server of this home."""
    folder = home / "seaweedfs"
    return Daemon(
        name="SeaweedFS",
        executable="weed",
        mark=f"-dir={folder / 'data'}",
        folder=folder,
        data=folder / "data",
        # it needs a second; now and then its own subscribers keep it for ten
        log=home / "logs" / "seaweedfs.log",
        patience=4,
    )


def command(server: Daemon, address: StoreAddress) -> list[str]:
    """What starts the server."""
    ports = [f"-{flag}={address.first_port + offset}" for flag, offset in PORTS.items()]
    return [
        program(),
        "-logtostderr=true",
        "mini",
        server.mark,
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        *ports,
        *FLAGS,
        f"-bucket={address.bucket}",
        f"-s3.config={server.folder / 's3.json'}",
        # no page of a browser reads anything; without it any page may
        f"-s3.allowedOrigins={address.endpoint}",
        f"-filer.allowedOrigins={address.endpoint}",
    ]


def program() -> str:
    """Path of ``weed``: beside our Python, where its package puts it, or on the PATH.

    Raises:
        LocalStackError: if it is not installed.
    """
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    if found is None:
        raise LocalStackError("SeaweedFS is not installed (weed was not found):", "install it with `make setup`.")
    return found


def prepare(home: Path, address: StoreAddress) -> None:
    """Make the data folder when there is none, and say who may enter this time."""
    server = daemon(home)
    server.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    # the flags of the last start, which would come back for every flag we drop
    (server.data / "mini.options").unlink(missing_ok=True)
    identity = {
        "name": "refera",
        "credentials": [{"accessKey": address.access_key, "secretKey": address.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private(server.folder / "s3.json", json.dumps({"identities": [identity]}))
    own = certificate.make("SeaweedFS of refera", HOST)
    write_private(server.folder / "own.pem", own.certificate)
    write_private(server.folder / "own.key", own.key)
    write_private(server.folder / SECURITY, _security())


def is_guarded(home: Path) -> bool:
    """Whether the server was started with its other doors closed; versions before did not."""
    return (daemon(home).folder / SECURITY).exists()


def _security() -> str:
    """What SeaweedFS reads in the folder it runs in: who has not the certificate speaks to no part but S3."""
    pair = 'cert = "own.pem"\nkey = "own.key"\n'
    ca = 'ca = "own.pem"\n'
    sections = [f"[grpc]\n{ca}", f"[https.client]\nenabled = true\n{pair}{ca}"]
    sections += [f"[grpc.{part}]\n{pair}" for part in (*CALLED, "client")]
    sections += [f"[https.{part}]\n{pair}{ca}" for part in GUARDED]
    return "\n".join(sections)


def answers(address: StoreAddress) -> bool:
    """Whether an S3 server answers at all; a matter of milliseconds."""
    connection = http.client.HTTPConnection(urlsplit(address.endpoint).netloc, timeout=5)
    try:
        connection.request("HEAD", f"/{address.bucket}")
        return connection.getresponse().status in {200, 403}
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def block(first_port: int) -> list[int]:
    """All ports of the block."""
    return [first_port + offset for offset in PORTS.values()]


def remove_sockets(address: StoreAddress) -> None:
    """Remove the Unix sockets that SeaweedFS makes for its ports and leaves behind."""
    for port in block(address.first_port):
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - its choice, not ours
            left.unlink(missing_ok=True)
