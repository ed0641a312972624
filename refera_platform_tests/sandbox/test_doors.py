"""Every door of the private servers: S3 and MariaDB ask who comes, and behind the others no stranger gets a word."""

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
import pytest

from refera_platform.sandbox import stack
from refera_platform.sandbox.servers import mariadb, ports, process, seaweedfs
from refera_platform.sandbox.stack_file import StoreAddress
from refera_platform_tests.sandbox.conftest import Private

ORIGIN = "http://page.example"
SECRET = b"a customer's telephone"
LISTENS = "0A"
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""How a client of gRPC begins: the preface, and its settings."""
SETTINGS = 4
PATHS = (
    "/",
    "/buckets/refera/kept",
    "/refera/kept",
    "/dir/assign",
    "/cluster/status",
    "/status",
    "/ui/index.html",
    "/metrics",
)


def sockets(pid: int) -> set[str]:
    """Inodes of the sockets that a process holds; a file that it closes while we look is none of them."""
    links: list[str] = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(each.readlink()))
    return {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:[")}


def listening(pid: int) -> list[tuple[str, int]]:
    """Address as the kernel writes it and port of each door of a process."""
    own = sockets(pid)
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    ]
    found = [row[1].split(":") for row in rows if row[3] == LISTENS and row[9] in own]
    return sorted((address, int(port, 16)) for address, port in found)


def paths(pid: int) -> list[Path]:
    """Unix sockets at which a process listens."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]]
    return [Path(row[7]) for row in rows if len(row) > 7 and row[3] == "00010000" and row[6] in sockets(pid)]


def asked(connection: http.client.HTTPConnection, method: str, path: str) -> str:
    """What a stranger gets out of a request, with the origin of a page of a browser; empty for nothing."""
    try:
        connection.request(method, path, b"x" if method in {"PUT", "POST"} else None, {"Origin": ORIGIN})
        answer = connection.getresponse()
        if answer.status == 400 and b"HTTP request to an HTTPS server" in answer.read():
            return ""
        return f"{method} {path} {answer.status} {answer.getheader('Access-Control-Allow-Origin') or ''}".strip()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def speaks_grpc(port: int) -> bool:
    """Whether a server takes a client of gRPC without TLS."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as door:
        door.settimeout(1)
        try:
            door.sendall(HTTP2)
            return door.recv(9)[3:4] == bytes((SETTINGS,))
        except OSError:
            return False


def got(port: int) -> list[str]:
    """Everything that somebody without keys or certificate gets at a door."""
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    found = ["gRPC"] if speaks_grpc(port) else []
    for method in ("GET", "PUT", "POST", "DELETE", "OPTIONS"):
        for path in PATHS:
            found.append(asked(http.client.HTTPConnection("127.0.0.1", port, timeout=5), method, path))
        secure = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=anybody)
        found.append(asked(secure, method, "/"))
    return [each for each in found if each]


def test_each_door_but_s3_is_closed_to_who_has_not_the_certificate(private: Private) -> None:
    private.bucket.put_object(Key="kept", Body=SECRET)
    pid = process.pid_of(seaweedfs.seaweedfs_daemon(private.home))
    assert pid
    doors = listening(pid)
    s3 = urlsplit(private.address.s3.endpoint).port
    assert {address for address, _ in doors} == {"0100007F"}, "nobody from outside of this machine"
    assert {port for _, port in doors} == set(seaweedfs.port_block(private.address.s3.first_port))
    assert {port: found for _, port in doors if (found := got(port)) and port != s3} == {}
    assert {path.stat().st_mode & 0o077 for path in paths(pid)} == {0}
    assert private.bucket.Object("kept").get()["Body"].read() == SECRET


def test_s3_gives_a_stranger_nothing_and_tells_no_page_that_it_may_ask(private: Private) -> None:
    private.bucket.put_object(Key="kept", Body=SECRET)
    found = [each.split() for each in got(urlsplit(private.address.s3.endpoint).port or 0)]
    refused = {"400", "403", "405"}
    assert {(method, path) for method, path, status, *_ in found if status not in refused} == {("GET", "/status")}
    # SeaweedFS writes * on what concerns no bucket, where it lists buckets to who signs and refuses all others
    allowed = {path for _, path, _, *origin in found if origin}
    assert allowed <= {"/", "/status"} | {path for method, path, *_ in found if method == "POST"}
    assert ORIGIN not in str(found)


@pytest.mark.parametrize("user", ["", "root", "mysql", "refera_admin", "refera_reader", "mariadb.sys"])
def test_mariadb_lets_nobody_in_without_a_password(private: Private, user: str) -> None:
    address = private.address.mariadb
    pid = process.pid_of(mariadb.mariadb_daemon(private.home))
    assert pid
    assert listening(pid) == [("0100007F", address.port)]
    for way in ({"host": address.host, "port": address.port}, {"unix_socket": address.socket}):
        with pytest.raises(pymysql.OperationalError, match=r"denied|plugin|locked"):
            pymysql.connect(user=user, **way)


@contextmanager
def unguarded(folder: Path) -> Iterator[int]:
    """SeaweedFS as it was started before: the same ports, no certificate; gives the first of them."""
    first = ports.pick_free_port(seaweedfs.PORT_OFFSETS.values())
    address = StoreAddress(
        endpoint=f"http://127.0.0.1:{first + seaweedfs.PORT_OFFSETS['s3.port']}",
        region="us-east-1",
        access_key="key",
        secret_key="secret",
        bucket="refera",
        first_port=first,
    )
    server = seaweedfs.seaweedfs_daemon(folder)
    (folder / "logs").mkdir()
    seaweedfs.prepare_seaweedfs(folder, address)
    (server.folder / seaweedfs.SECURITY_FILE).unlink()
    command = [each for each in seaweedfs.seaweedfs_command(server, address) if "allowedOrigins" not in each]
    try:
        pid = process.launch_daemon(server, command, seaweedfs.SEAWEEDFS_ENVIRONMENT)
        filer = first + seaweedfs.PORT_OFFSETS["filer.port"]

        def trouble() -> str:
            connection = http.client.HTTPConnection("127.0.0.1", filer, timeout=5)
            return (
                ""
                if asked(connection, "PUT", "/buckets/refera/kept").startswith("PUT /buckets/refera/kept 201")
                else "no"
            )

        process.await_ready(server, pid, trouble)
        yield first
    finally:
        process.stop_daemon(server)
        seaweedfs.remove_sockets(address)


def test_the_same_questions_find_the_doors_open_that_were_open_before(tmp_path: Path) -> None:
    with unguarded(tmp_path) as first:
        filer = got(first + seaweedfs.PORT_OFFSETS["filer.port"])
        found = {name: got(first + offset) for name, offset in seaweedfs.PORT_OFFSETS.items() if name != "s3.port"}
    assert {
        "GET /buckets/refera/kept 200 *",
        "PUT /buckets/refera/kept 201 *",
        "DELETE /buckets/refera/kept 204 *",
    } <= set(filer)
    assert "GET /dir/assign 200" in found["master.port"]
    assert {name for name, ways in found.items() if ways} == set(found), "the walk sees each of them"
    assert all("gRPC" in ways for name, ways in found.items() if name.endswith("grpc"))


def test_a_server_that_was_started_with_open_doors_is_started_anew(private: Private) -> None:
    (seaweedfs.seaweedfs_daemon(private.home).folder / seaweedfs.SECURITY_FILE).unlink()
    before = process.pid_of(seaweedfs.seaweedfs_daemon(private.home))
    said: list[str] = []
    stack.start_stack(private.home, said.append)
    assert said[0] == "Restarting SeaweedFS, with a certificate on its other ports."
    assert process.pid_of(seaweedfs.seaweedfs_daemon(private.home)) not in {before, None}
    stack.start_stack(private.home, said.append)
    assert said.count(said[0]) == 1
