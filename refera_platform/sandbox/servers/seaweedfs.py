"""The local S3: SeaweedFS as one process (``weed mini``), on ports of our own, without telemetry.

Only the S3 port takes clients, with access keys. The other ports (master, volume, filer, admin, each with HTTP and
gRPC) have no login in SeaweedFS, so they demand the certificate that ``prepare_seaweedfs`` makes for the server alone.
Who cannot read our folder cannot finish a TLS handshake.

prepare_seaweedfs() ──▶ s3.json, security.toml, own.pem ──▶ seaweedfs_command() ──▶ BucketProbe.unready_reason() is ""
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
from refera_platform.sandbox.stack_file import STACK_HOST, StoreAddress, write_private_file

PORT_OFFSETS = {
    "master.port": 0,
    "master.port.grpc": 1,
    "volume.port": 2,
    "volume.port.grpc": 3,
    "filer.port": 4,
    "filer.port.grpc": 5,
    "s3.port": 6,
    "s3.port.grpc": 7,
    "admin.port": 9,
    # the admin's own worker expects it at this offset, and logs errors at any other
    "admin.port.grpc": 10_009,
}
"""Offset of every listening port from the first of the block."""
SEAWEEDFS_FLAGS = (
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
HTTP_COMPONENTS = ("master", "volume", "filer", "admin")
"""Parts that speak HTTP besides S3."""
GRPC_COMPONENTS = (*HTTP_COMPONENTS, "s3", "worker", "msg_broker", "msg_agent", "mq")
"""Parts that speak gRPC."""
SECURITY_FILE = "security.toml"
SEAWEEDFS_ENVIRONMENT = {"GOMEMLIMIT": "300MiB"}
"""After uploads of 250 MB it used 505 MB without the limit and 160 MB with it, at the same speed."""


def seaweedfs_daemon(home: Path) -> Daemon:
    """The server of this home."""
    folder = home / "seaweedfs"
    return Daemon(
        name="SeaweedFS",
        executable="weed",
        identifying_argument=f"-dir={folder / 'data'}",
        folder=folder,
        data=folder / "data",
        # usually a second; at times its own subscribers delay it by ten
        log_path=home / "logs" / "seaweedfs.log",
        stop_timeout_seconds=4,
    )


def seaweedfs_command(server: Daemon, address: StoreAddress) -> list[str]:
    """Command line that starts the server."""
    ports = [f"-{flag}={address.first_port + offset}" for flag, offset in PORT_OFFSETS.items()]
    return [
        seaweedfs_program(),
        "-logtostderr=true",
        "mini",
        server.identifying_argument,
        f"-ip={STACK_HOST}",
        f"-ip.bind={STACK_HOST}",
        *ports,
        *SEAWEEDFS_FLAGS,
        f"-bucket={address.bucket}",
        f"-s3.config={server.folder / 's3.json'}",
        # no browser page reads the bucket; without this option every page may
        f"-s3.allowedOrigins={address.endpoint}",
        f"-filer.allowedOrigins={address.endpoint}",
    ]


def seaweedfs_program() -> str:
    """Path of ``weed``: beside our Python, where its package puts it, or on the PATH.

    Raises:
        LocalStackError: if it is not installed.
    """
    beside = Path(sys.executable).with_name("weed")
    path = str(beside) if beside.exists() else shutil.which("weed")
    if path is None:
        raise LocalStackError("SeaweedFS is not installed (weed was not found):", "install it with `make setup`.")
    return path


def prepare_seaweedfs(home: Path, address: StoreAddress) -> None:
    """Create the data folder when it is missing, and write keys and certificate of this start."""
    server = seaweedfs_daemon(home)
    server.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    # saved flags of the last start, which would still apply wherever a flag is now left out
    (server.data / "mini.options").unlink(missing_ok=True)
    identity = {
        "name": "refera",
        "credentials": [{"accessKey": address.access_key, "secretKey": address.secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    write_private_file(server.folder / "s3.json", json.dumps({"identities": [identity]}))
    own_certificate = certificate.make_certificate("SeaweedFS of refera", STACK_HOST)
    write_private_file(server.folder / "own.pem", own_certificate.certificate)
    write_private_file(server.folder / "own.key", own_certificate.key)
    write_private_file(server.folder / SECURITY_FILE, _security_toml())


def is_guarded(home: Path) -> bool:
    """Whether the server was started with its other ports closed; earlier versions left them open."""
    return (seaweedfs_daemon(home).folder / SECURITY_FILE).exists()


def _security_toml() -> str:
    """SeaweedFS's security settings: without the certificate, clients reach no part but S3."""
    pair = 'cert = "own.pem"\nkey = "own.key"\n'
    ca = 'ca = "own.pem"\n'
    sections = [f"[grpc]\n{ca}", f"[https.client]\nenabled = true\n{pair}{ca}"]
    sections += [f"[grpc.{part}]\n{pair}" for part in (*GRPC_COMPONENTS, "client")]
    sections += [f"[https.{part}]\n{pair}{ca}" for part in HTTP_COMPONENTS]
    return "\n".join(sections)


def is_answering(address: StoreAddress) -> bool:
    """Whether an S3 server answers at all; takes milliseconds."""
    connection = http.client.HTTPConnection(urlsplit(address.endpoint).netloc, timeout=5)
    try:
        connection.request("HEAD", f"/{address.bucket}")
        return connection.getresponse().status in {200, 403}
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def port_block(first_port: int) -> list[int]:
    """All ports of the block."""
    return [first_port + offset for offset in PORT_OFFSETS.values()]


def remove_sockets(address: StoreAddress) -> None:
    """Remove the Unix sockets that SeaweedFS creates for its ports and does not remove."""
    for port in port_block(address.first_port):
        for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - its choice, not ours
            left.unlink(missing_ok=True)
