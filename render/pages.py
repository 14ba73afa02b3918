"""What Pandoc's chunked HTML lacks: sidebar, coloured code, search, the opening as index.html."""

import json
import re
from functools import partial
from html import escape
from pathlib import Path
from urllib.parse import quote

from render import search
from render.colours import colour

SIDEBAR = "<!-- sidebar -->"
# A section that comes from a notebook, down to the end of its heading.
HEADING = re.compile(
    r'<section[^>]*\sdata-notebook="(?P<path>[^"]*)".*?</h1>', re.DOTALL
)
GITHUB = "https://github.com/"
COLAB = "https://colab.research.google.com/github/"


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


def _notebook_links(match: re.Match, repository: str, branch: str) -> str:
    """What stands below a section's heading: ways to its notebook."""
    path = match["path"]
    if repository:
        links = {
            "View source": f"{repository}/blob/{branch}/{path}",
            "Edit": f"{repository}/edit/{branch}/{path}",
            "Report a mistake": f"{repository}/issues/new?title={quote(path)}",
        }
        if repository.startswith(GITHUB):
            name = repository.removeprefix(GITHUB)
            links = {"Open in Colab": f"{COLAB}{name}/blob/{branch}/{path}", **links}
        items = "".join(
            f'<a href="{escape(href)}">{text}</a> ' for text, href in links.items()
        )
    else:
        items = f'<a href="{path}" download>Download this notebook</a> '
    return f'{match[0]}\n<p class="notebook">{items}</p>'


def finish(folder: Path, title: str, repository: str, branch: str) -> list[str]:
    """Complete the pages that chunkedhtml wrote to `folder`; returns their names, the index first.

    A section links to its notebook at the web address `repository`; if that is empty, to a copy
    beside the pages.

    Pandoc writes an empty index.html, and what stands before the first section to a page of its
    own, which sitemap.json does not list: that page becomes the index.
    """
    sitemap = folder / "sitemap.json"
    sections = json.loads(sitemap.read_text(encoding="utf-8"))["subsections"]
    sitemap.unlink()
    names = [node["section"]["path"].partition("#")[0] for node in sections]
    (opening,) = {page.name for page in folder.glob("*.html")} - {*names, "index.html"}
    (folder / opening).replace(folder / "index.html")

    pages = {}
    for name in ["index.html", *names]:
        page = folder / name
        html = page.read_text(encoding="utf-8").replace(f'"{opening}', '"index.html')
        if name == "index.html":
            html = re.sub(r'<a [^>]*rel="prev".*?</a>', "", html, flags=re.DOTALL)
            html = re.sub("<title>.*?</title>", f"<title>{escape(title)}</title>", html)
        html = html.replace(SIDEBAR, _sidebar(sections, name, title))
        html = HEADING.sub(
            partial(_notebook_links, repository=repository, branch=branch), html
        )
        pages[name] = html
        page.write_text(colour(html), encoding="utf-8")
    search.write(folder, pages)
    return list(pages)
