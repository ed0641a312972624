"""A private MariaDB behind TLS, with certificates of an authority of its own: what tests of the wire connect to."""

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from refera_platform.errors import SourceError
from refera_platform.sandbox.servers import mariadb, process, short_socket
from refera_platform.sandbox.servers.process import Daemon
from refera_platform.settings.source_database import SourceDatabase
from refera_platform.source.mysql.wire import closing_wire, open_wire

SECRET = "s3cret'\"\\;-- drop"


def signed(folder, name, key, *, by="", signing=None, usage=True):
    """A certificate of a server at 127.0.0.1 by an authority, or of an authority, with or without what it may be used for."""
    named = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, each)]) for each in (name, by or "authority")]
    now, is_authority = datetime.now(UTC), not by
    owner = (signing or key).public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(named[not by])
        .issuer_name(named[1])
        .public_key(key.public_key())
        .serial_number(1 + len(list(folder.glob("*.pem"))))
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(owner), critical=False)
    )
    if usage:
        use = dict.fromkeys(
            (
                "content_commitment",
                "data_encipherment",
                "key_agreement",
                "crl_sign",
                "encipher_only",
                "decipher_only",
                "key_encipherment",
            ),
            False,
        )
        signs = x509.KeyUsage(digital_signature=not is_authority, key_cert_sign=is_authority, **use)
        made = made.add_extension(signs, critical=True)
    path = folder / f"{name}.pem"
    path.write_bytes(made.sign(signing or key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return path


def certificates(folder):
    """A server's certificate and key, and its authority: as it should be, and without key usage; and somebody else's."""
    authority, server, stranger = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    signed(folder, "authority", authority)
    signed(folder, "lax", authority, usage=False)
    signed(folder, "stranger", stranger)
    signed(folder, "server", server, by="authority", signing=authority)
    (folder / "server.key").write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[SourceDatabase]:
    """A server that speaks TLS and keeps no log."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "tmp").mkdir()
    server = Daemon(
        name="The TLS MariaDB",
        executable="mariadbd",
        identifying_argument=f"--defaults-file={folder / 'my.cnf'}",
        folder=folder,
        data=folder / "data",
        log_path=folder / "server.log",
        stop_timeout_seconds=0,
    )
    mariadb.install_data_folder(folder).replace(server.data)
    certificates(folder)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    address = SourceDatabase(
        host="127.0.0.1",
        port=port,
        user="reader",
        password=SECRET,
        name="shop",
        ssl_mode="verify_identity",
        ssl_ca=str(folder / "authority.pem"),
    )
    path = short_socket.short_socket_path(folder / "mariadbd.sock")
    options = mariadb.INSTALL_OPTIONS | {
        "datadir": str(server.data),
        "tmpdir": str(folder / "tmp"),
        "port": str(port),
        "bind_address": "127.0.0.1",
        "socket": str(path),
        "pid_file": str(folder / "mariadbd.pid"),
        "init_file": str(folder / "init.sql"),
        "skip_name_resolve": "ON",
        "ssl_cert": str(folder / "server.pem"),
        "ssl_key": str(folder / "server.key"),
    }
    (folder / "my.cnf").write_text(mariadb.option_file_text("mariadbd", options))
    (folder / "init.sql").write_text(
        "create database shop;\ncreate user reader@'%' identified by 's3cret''\"\\\\;-- drop' require ssl;\n"
        "grant select on shop.* to reader@'%';\n"
    )

    def trouble() -> str:
        try:
            asked(address, "select 1")
        except SourceError as refused:
            return str(refused)
        return ""

    try:
        process.await_ready(server, process.launch_daemon(server, mariadb.mariadb_command(server)), trouble)
        yield address
    finally:
        process.stop_daemon(server)
        short_socket.remove_short_socket(folder / "mariadbd.sock")


def asked(database, sql):
    with closing_wire(open_wire(database)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
