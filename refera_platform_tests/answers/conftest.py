"""A real browser for pages of the report, from a disk and without a network."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESKTOP = {"width": 1366, "height": 900}


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def show_file(browser, tmp_path):
    """Opens a page; what goes wrong in it, or leaves it, fails the test."""
    contexts, troubles = [], []

    def opened_page(html, language="en", viewport=DESKTOP, **options):
        path = tmp_path / f"page-{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (troubles.append("a dialog"), dialog.dismiss()))

        def route(request):
            if request.request.url.startswith(("file:", "data:", "blob:")):
                request.continue_()
            else:
                troubles.append(f"request: {request.request.url}")
                request.abort()

        page.route("**/*", route)
        page.goto(f"{path.as_uri()}#lang={language}")
        page.wait_for_selector("html[data-ready*=' ']", timeout=20_000)
        return page

    yield opened_page
    for context in contexts:
        context.close()
    assert troubles == []
