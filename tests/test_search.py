"""Search as a reader uses it, in a browser, from disk and from a server."""

import functools
import http.server
import threading

import pytest
from conftest import complaints

from render.__main__ import build


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(params=["disk", "server"])
def address(request, project):
    """Where the small project's book can be read."""
    build(project.root)
    folder = project.root / "_book"
    if request.param == "disk":
        yield folder.as_uri()
        return
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def page(address, browser):
    """The opening's page; complaints are errors."""
    page = browser.new_page()
    wrong = complaints(page)
    page.goto(f"{address}/index.html")
    yield page
    page.close()
    assert wrong == []


def titles(page, query: str) -> list[str]:
    page.get_by_role("searchbox").fill(query)
    page.get_by_role("status").filter(has_text="ound").wait_for()
    return page.locator("dialog .title").all_inner_texts()


def test_nothing_is_fetched_before_a_reader_asks(page):
    assert not page.evaluate("'bookIndex' in window || 'MiniSearch' in window")
    page.keyboard.press("/")
    page.wait_for_function("'bookIndex' in window && 'MiniSearch' in window")


def test_a_word_leads_to_its_statement_by_the_keyboard(page):
    page.keyboard.press("/")
    assert titles(page, "sum")[0] == "Theorem 35.1 Sum"
    page.keyboard.press("Enter")
    page.wait_for_url("**/sec-one.html#thm-sum")


def test_a_prefix_a_slip_and_an_accent_are_forgiven(page):
    page.get_by_role("button", name="Search").click()
    for query in ["theor", "theoren", "THÉOREM", "theorem 35.1"]:
        assert "Theorem 35.1 Sum" in titles(page, query), query


def test_a_figure_is_found_and_an_unknown_word_is_not(page):
    page.keyboard.press("/")
    assert titles(page, "line")[0] == "Figure 35.1: A line, as in Equation 35.1."
    assert titles(page, "zebra") == []
    assert page.locator("dialog [role=status]").inner_text() == "Nothing found"


def test_arrows_walk_the_list_and_escape_closes(page):
    page.keyboard.press("/")
    assert len(titles(page, "one")) > 0
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.localName") == "a"
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.localName") == "input"
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
