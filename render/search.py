"""The index of the book's search: what the pages say, by heading, statement, figure and table."""

import json
from pathlib import Path

from lxml import html

# What begins an entry of its own, and what names it.
KINDS = {"sec", "def", "thm", "lem", "cor", "prp", "exm", "exr", "fig", "tbl"}
NAMES = {"h1", "h2", "h3", "figcaption", "caption"}
BLOCKS = {"p", "li", "pre", "div", "td", "th", "summary"}
SKIPPED = {"template", "script", "style", "annotation"}
SKIPPED_CLASSES = {"cell-checks", "check-link", "qed", "equation-number"}


def _read(element, page: str, entries: list[dict], into: list[str]) -> None:
    """Add to `entries` what begins within `element`; its own words go to the list `into`."""
    classes = set(element.get("class", "").split())
    if element.tag in SKIPPED or SKIPPED_CLASSES & classes:
        return
    label = element.get("id", "")
    if element.tag == "section" or label.partition("-")[0] in KINDS:
        into = []
        entries.append({"href": f"{page}#{label}", "title": [], "text": into})
    elif element.tag in NAMES or "statement-head" in classes:
        into = entries[-1]["title"]
    into.append(element.text or "")
    for child in element.iterchildren():
        if isinstance(child.tag, str):  # no comment
            _read(child, page, entries, into)
        into.append(child.tail or "")
    if element.tag in BLOCKS:
        into.append(" ")


def entries(page: str, source: str) -> list[dict[str, str]]:
    """What search finds on the page `source` called `page`: `href`, `title`, `section`, `text`."""
    found: list[dict] = []
    # The opening's text stands beside its heading, not within a section.
    loose: list[str] = []
    _read(html.fromstring(source).get_element_by_id("main"), page, found, loose)
    found[0]["text"] += loose
    for entry in found:
        title, text = (
            " ".join("".join(entry[part]).split()) for part in ("title", "text")
        )
        if entry["href"].partition("#")[2].startswith(("fig-", "tbl-")):
            title, _, rest = title.partition(". ")
            text = f"{rest} {text}"
        entry.update(title=title, text=text)
    return [{**entry, "section": found[0]["title"]} for entry in found]


def write(folder: Path, pages: dict[str, str]) -> None:
    """Write `folder`/search-index.js, a script because a page opened from disk may load no other."""
    found = [entry for name, source in pages.items() for entry in entries(name, source)]
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    (folder / "search-index.js").write_text(f"bookIndex = {text};\n", encoding="utf-8")
