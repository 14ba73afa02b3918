"""What Pandoc's chunked HTML lacks: sidebar, colours of code, the opening as the index page."""

import json
import re
from html import escape
from pathlib import Path

from render.colours import colour

SIDEBAR = "<!-- sidebar -->"


def _item(href: str, title: str, current: bool = False, inside: str = "") -> str:
    number, _, words = (
        title.partition(" ") if re.match(r"[\d.]+ ", title) else ("", "", title)
    )
    label = f'<span class="header-section-number">{number}</span> ' if number else ""
    mark = ' aria-current="page"' if current else ""
    return f'<li><a href="{escape(href)}"{mark}>{label}{escape(words)}</a>{inside}</li>'


def _sidebar(sections: list[dict], page: str, title: str) -> str:
    items = [_item("index.html", title, page == "index.html")]
    for node in sections:
        path = node["section"]["path"].partition("#")[0]
        inside = ""
        if path == page and node["subsections"]:
            heads = (child["section"] for child in node["subsections"])
            links = "".join(_item("#" + head["id"], head["title"]) for head in heads)
            inside = f'<ol class="headings">{links}</ol>'
        items.append(_item(path, node["section"]["title"], path == page, inside))
    return '<ol class="sections">' + "\n".join(items) + "</ol>"


def finish(folder: Path, title: str) -> list[Path]:
    """Complete the pages that chunkedhtml wrote to `folder`; returns them, the index first.

    Pandoc writes an empty index.html, and what stands before the first section to a page of its
    own, which sitemap.json does not list: that page becomes the index.
    """
    sitemap = folder / "sitemap.json"
    sections = json.loads(sitemap.read_text(encoding="utf-8"))["subsections"]
    sitemap.unlink()
    names = [node["section"]["path"].partition("#")[0] for node in sections]
    (opening,) = {page.name for page in folder.glob("*.html")} - {*names, "index.html"}
    (folder / opening).replace(folder / "index.html")

    pages = [folder / name for name in ["index.html", *names]]
    for page in pages:
        html = page.read_text(encoding="utf-8").replace(f'"{opening}', '"index.html')
        if page.name == "index.html":
            html = re.sub(r'<a [^>]*rel="prev".*?</a>', "", html, flags=re.DOTALL)
            html = re.sub("<title>.*?</title>", f"<title>{escape(title)}</title>", html)
        html = html.replace(SIDEBAR, _sidebar(sections, page.name, title))
        page.write_text(colour(html), encoding="utf-8")
    return pages
