"""Production against servers that the local stack did not start: another MariaDB with TLS, another S3 with its own keys."""

import csv
import io
import os
import secrets
import shutil
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pymysql
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from refera_platform.clock import Clock
from refera_platform.sandbox.business.schema import TABLE_DEFINITIONS, TABLE_OPTIONS
from refera_platform.sandbox.servers import ports
from refera_platform_tests.business import ROWS
from refera_platform_tests.cli.typed import said, typed

PASSWORD = "p@ss/w'o\"rd;%"
KEY, SECRET = "corporate", secrets.token_hex(16)


@dataclass(frozen=True)
class Corporate:
    """Somebody else's servers, as their owner would describe them to us."""

    home: Path
    mariadb: int
    s3: int
    authority: Path

    def environment(self, **changes):
        url = f"mysql://extract:p%40ss%2Fw%27o%22rd%3B%25@localhost:{self.mariadb}/shop?ssl_mode=verify_identity"
        return {
            "REFERA_STAGE": "production",
            "REFERA_CLASSICMODELS_URL": f"{url}&ssl_ca={self.authority}",
            "REFERA_LAKE": "s3://corp/lake/raw",
            "REFERA_WAREHOUSE": "s3://corp/warehouse",
            "REFERA_S3_ENDPOINT": f"http://127.0.0.1:{self.s3}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            **changes,
        }


def wait_for(ask, *errors, seconds=60, log=None):
    """Ask until there is an answer."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except errors:
            assert time.monotonic() < end, f"the server never answered: {log.read_text()[-2000:] if log else ''}"
            time.sleep(0.1)


def certificates(folder):
    """An authority of our own and a server certificate for localhost, signed by it."""

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=corp",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",  # without it Python 3.13 takes nothing that it signed
    )
    openssl(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "req.pem",
        "-subj",
        "/CN=localhost",
    )
    (folder / "san").write_text("subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid")
    openssl(
        "x509",
        "-req",
        "-in",
        "req.pem",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "2",
        "-out",
        "cert.pem",
        "-extfile",
        "san",
    )


@contextmanager
def another_mariadb(folder, port):
    data, temporary = folder / "data", folder / "tmp"
    temporary.mkdir()
    root = ["--user=root"] if os.geteuid() == 0 else []
    subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            *root,
            f"--datadir={data}",
            f"--tmpdir={temporary}",
            "--auth-root-authentication-method=normal",
        ],
        check=True,
        capture_output=True,
    )
    with (folder / "mariadbd.log").open("w") as log:
        server = subprocess.Popen(
            [
                "mariadbd",
                "--no-defaults",
                *root,
                f"--datadir={data}",
                f"--port={port}",
                "--bind-address=127.0.0.1",
                f"--socket={folder}/s",
                "--server-id=42",
                f"--tmpdir={temporary}",
                f"--ssl-ca={folder}/ca.pem",
                f"--ssl-cert={folder}/cert.pem",
                f"--ssl-key={folder}/key.pem",
                "--character-set-server=latin1",
                f"--log-bin={folder}/corp-log",
                "--binlog-format=ROW",
                "--binlog-row-metadata=FULL",
            ],
            stderr=log,
        )
    try:
        wait_for(lambda: (folder / "s").resolve(strict=True), FileNotFoundError, log=folder / "mariadbd.log")
        connection = pymysql.connect(unix_socket=f"{folder}/s", user="root", charset="utf8mb4", autocommit=True)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("create database shop character set utf8mb4")
            cursor.execute("use shop")
            for name, definition in TABLE_DEFINITIONS.items():
                cursor.execute(f"create table {name} ({definition}) {TABLE_OPTIONS}")
            for name, rows in ROWS.items():
                cursor.executemany(f"insert into {name} values ({', '.join(['%s'] * len(rows[0]))})", rows)
            cursor.execute("create user extract@'127.0.0.1' identified by %s require ssl", (PASSWORD,))
            cursor.execute("create user extract@localhost identified by %s require ssl", (PASSWORD,))
            for host in ("127.0.0.1", "localhost"):
                cursor.execute(f"grant select on shop.* to extract@'{host}'")
                cursor.execute(f"grant replication slave, binlog monitor on *.* to extract@'{host}'")
        yield
    finally:
        server.terminate()
        server.wait(timeout=60)


@contextmanager
def another_s3(folder, first):
    ports = {
        "master.port": 0,
        "master.port.grpc": 1,
        "volume.port": 2,
        "volume.port.grpc": 3,
        "filer.port": 4,
        "filer.port.grpc": 5,
        "s3.port": 6,
        "s3.port.grpc": 7,
        "s3.port.iceberg": 8,
        "admin.port": 10,
        "admin.port.grpc": 11,
    }
    weed = Path(sys.executable).parent / "weed"
    data = folder / "weed"
    data.mkdir()
    server = subprocess.Popen(
        [
            str(weed),
            "-logtostderr=true",
            "mini",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *(f"-{name}={first + offset}" for name, offset in ports.items()),
            "-s3.port.lance=0",
            "-admin.ui=false",
            "-webdav=false",
            "-master.telemetry=false",
            "-master.resumeState=false",
            "-s3.autoCreateBucket=false",
        ],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=folder,
        env={**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET},
    )
    try:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{first + 6}",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2),
        )
        wait_for(lambda: client.create_bucket(Bucket="corp"), BotoCoreError, ClientError)
        yield
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def corporate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so no certificate can be made for a server with TLS")
    folder = tmp_path_factory.mktemp("corp")
    certificates(folder)
    first = ports.pick_free_port(range(16))
    with another_mariadb(folder, first + 12), another_s3(folder, first):
        yield Corporate(home=folder / "home", mariadb=first + 12, s3=first + 6, authority=folder / "ca.pem")


def rows_of(corporate, sql):
    done = typed(corporate.home, "query", "--format", "csv", sql, env=corporate.environment())
    assert done.returncode == 0, done.stderr
    return list(csv.reader(io.StringIO(done.stdout)))[1:]


def test_the_same_day_runs_against_servers_that_are_not_ours(corporate):
    done = typed(corporate.home, "run", env=corporate.environment(), is_cold=True)
    assert done.returncode == 0, done.stderr
    assert rows_of(corporate, "select sum(sales_amount) from ans_sales_by_product") == [["233.94"]]
    assert rows_of(corporate, "select count(*) from classicmodels.orders") == [["4"]]
    assert typed(corporate.home, "verify", env=corporate.environment()).returncode == 0
    day = Clock().newest_full_day()
    state = rows_of(
        corporate,
        f"select decode(value) from parquet_kv_metadata('s3://corp/lake/raw/classicmodels/orders/day={day}/part-0.parquet')",
    )
    assert '"schema": "shop"' in state[0][0]
    assert '"server": "mariadb:' in state[0][0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"REFERA_LAKE": "s3://nowhere/raw"}, "NoSuchBucket", id="bucket"),
        pytest.param(
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            "S3 refused ListObjectsV2 of s3://corp/lake/raw",
            id="secret key",
        ),
        pytest.param({"REFERA_S3_ENDPOINT": "http://127.0.0.1:1"}, "could not be reached", id="endpoint"),
        pytest.param(
            {"REFERA_CLASSICMODELS_URL": "mysql://extract:bad@127.0.0.1:{port}/shop?ssl_mode=required"},
            "Access denied",
            id="password",
        ),
        pytest.param(
            {"REFERA_CLASSICMODELS_URL": "mysql://extract:bad@localhost:{port}/shop?ssl_mode=verify_identity"},
            "ssl_ca=PATH",
            id="authority",
        ),
        pytest.param({"REFERA_CLASSICMODELS_URL": ""}, "needs REFERA_CLASSICMODELS_URL", id="nothing"),
    ],
)
def test_what_is_wrong_is_one_sentence_without_a_secret(corporate, changes, words):
    settled = {name: value.replace("{port}", str(corporate.mariadb)) for name, value in changes.items()}
    told = said(typed(corporate.home, "run", env=corporate.environment(**settled)))
    assert words in told
    assert SECRET not in told
    assert PASSWORD not in told
    assert "p%40ss" not in told
