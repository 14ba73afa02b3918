"""The book itself, as it comes from the project's own sources: one build, looked at from all sides."""

import io
import json
import re
import shutil
import zipfile
from collections import Counter
from copy import copy
from pathlib import Path
from urllib.parse import unquote

import pikepdf
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from pypdf import PdfReader

from render import ROOT
from render.__main__ import build, settings

NUMBERED = {
    "Equation": "eq", "Figure": "fig", "Table": "tbl", "Definition": "def", "Theorem": "thm",
    "Lemma": "lem", "Corollary": "cor", "Proposition": "prp", "Example": "exm", "Exercise": "exr",
}  # fmt: skip
CHECKED = (
    ".statement.def, .statement.thm, .statement.lem, .statement.cor, .statement.prp"
)


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The folder of a book built from a copy of the project's sources."""
    root = tmp_path_factory.mktemp("project")
    for name in ["_quarto.yml", "index.qmd", "references.bib"]:
        shutil.copy(ROOT / name, root)
    for name in ["chapters", "notebooks"]:
        shutil.copytree(ROOT / name, root / name)
    build(root)
    return root / "_book"


@pytest.fixture(scope="module")
def pages(book) -> dict[str, BeautifulSoup]:
    """The HTML pages by file name, in the sidebar's order."""
    index = BeautifulSoup((book / "index.html").read_text(), "html.parser")
    names = [link["href"] for link in index.select(".sections > li > a")]
    assert sorted(names) == sorted(path.name for path in book.glob("*.html"))
    return {
        name: BeautifulSoup((book / name).read_text(), "html.parser") for name in names
    }


def built(project, name: str) -> BeautifulSoup:
    """The page `name` of the small project's book, made anew."""
    build(project.root)
    return BeautifulSoup((project.root / "_book" / name).read_text(), "html.parser")


def words(element) -> str:
    return " ".join(element.get_text().split())


def test_sections_are_numbered_in_order_and_named_by_their_labels(pages):
    sections = [name for name in pages if name.startswith("sec-")]
    for count, name in enumerate(sections, start=1):
        (heading,) = pages[name].select("h1")
        assert heading.select_one(".header-section-number").text == f"35.{count}"
        subheadings = pages[name].select("h2 .header-section-number")
        assert [number.text for number in subheadings] == [
            f"35.{count}.{sub}" for sub in range(1, len(subheadings) + 1)
        ]
    assert next(iter(pages)) == "index.html"
    assert [*pages][-1] == "references.html"
    # The sidebar shows a heading's formula as its characters; it has none for TeX's commands.
    for page in pages.values():
        assert "\\" not in words(page.select_one(".sections"))
    assert words(pages["index.html"].h1) == "35 Neural ODEs"


def arrived(browser, address: str) -> tuple[int, dict]:
    """How many blocks of a page came one by one, and how it looks when all are there."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(address)
    page.wait_for_function("!document.documentElement.matches('.arriving')")
    page.evaluate(
        "new Promise((then) => setTimeout(then, 200))"
    )  # frames, for observers
    count, look = page.evaluate(
        """[document.querySelectorAll('.arrived').length, {
            height: document.documentElement.scrollHeight,
            width: document.documentElement.scrollWidth,
            boxes: document.querySelectorAll('[role=group][tabindex]').length,
            formulas: document.querySelectorAll('.long').length}]"""
    )
    page.close()
    return count, look


def test_a_page_that_comes_block_by_block_ends_as_one_that_comes_at_once(book, browser):
    address = (book / "sec-numerical-solvers.html").as_uri()
    count, look = arrived(browser, address)
    none, at_once = arrived(browser, f"{address}#main")
    assert count > 100 and none == 0
    assert look == at_once
    assert look["width"] == 390 and look["boxes"] > 20 and look["formulas"] > 0


def labels(pages) -> list[tuple[str, str]]:
    """Every label of the book with the number shown at it, page by page.

    What a page keeps for previews is in templates, where `select` does not look.
    """
    found = []
    for page in pages.values():
        for element in page.select(".statement, .equation[id], .figure[id], table[id]"):
            shown = words(
                element.select_one(
                    ".statement-label, .equation-number, figcaption, caption"
                )
            )
            number = re.search(r"35\.\d+", shown)
            found.append((element["id"], number.group()))
    return found


def test_each_kind_is_numbered_without_a_gap(pages):
    counts = Counter()
    for label, number in labels(pages):
        kind = label.split("-")[0]
        counts[kind] += 1
        assert number == f"35.{counts[kind]}", label
    assert (
        counts["def"]
        and counts["thm"]
        and counts["eq"]
        and counts["fig"]
        and counts["exr"]
    )


def test_every_reference_shows_its_target_s_number(pages):
    seen = 0
    for page in pages.values():
        for link in page.select("a.ref"):
            match = re.fullmatch(r"(?:(\w+)\s)?35(\.\d+)*", link.text)
            assert match, link.text
            label = link["href"].partition("#")[2]
            if match[1] in NUMBERED:
                assert label.startswith(NUMBERED[match[1]] + "-"), link
            seen += 1
    assert seen > 10


def test_ids_are_unique_and_every_link_leads_somewhere(book, pages):
    ids = {}
    for name, page in pages.items():
        found = [element["id"] for element in page.select("[id]")]
        assert not [label for label, count in Counter(found).items() if count > 1]
        ids[name] = set(found)
    for name, page in pages.items():
        for link in page.select("a[href]"):
            if link["href"].startswith(("http:", "https:")):
                continue
            path, _, anchor = link["href"].partition("#")
            if path.endswith(".ipynb"):
                assert (book / path).is_file(), link
                continue
            assert (path or name) in pages, link
            assert not anchor or unquote(anchor) in ids[path or name], link


def test_statements_and_cells_lead_to_each_other(pages):
    count = 0
    for name, page in pages.items():
        for statement in page.select(CHECKED):
            links = statement.select(".check-link")
            assert links, statement["id"]
            for link in links:
                target, _, anchor = link["href"].partition("#")
                cell = pages[target or name].find(id=anchor)
                assert "assert" in cell.select_one(".cell-code").text
                back = [
                    ref["href"].partition("#")[2]
                    for ref in cell.select(".cell-checks a")
                ]
                assert statement["id"] in back
                count += 1
    assert count >= 8


def test_search_knows_every_heading_statement_figure_and_table(book, pages):
    script = (book / "search-index.js").read_text()
    found = json.loads(script.removeprefix("bookIndex = ").removesuffix(";\n"))
    entries = {entry["href"]: entry for entry in found}
    assert len(entries) == len(found)
    kinds = "section, .figure, table, .statement, #sec-neural-odes"
    for name, page in pages.items():
        for target in page.select(f"main :is({kinds})[id]"):
            entry = entries.pop(f"{name}#{target['id']}")
            heading = target.select_one(
                "h1, h2, h3, .statement-head, figcaption, caption"
            )
            title = re.sub(r"\W|check \d+", "", entry["title"])
            assert title
            if not heading.select_one("math"):
                assert re.sub(r"\W", "", heading.text).startswith(title)
    assert not entries
    (opening,) = [
        entry for entry in found if entry["href"] == "index.html#sec-neural-odes"
    ]
    assert "How to read, run and cite" in opening["text"]


def test_a_section_leads_to_its_notebook(project):
    page = built(project, "sec-one.html")
    (link,) = page.select(".notebook a")
    assert link.has_attr("download")
    copied = project.root / "_book" / link["href"]
    assert copied.read_bytes() == (project.root / link["href"]).read_bytes()

    project.replace(
        "_quarto.yml", "  title:", "  repo-url: https://github.com/a/b/\n  title:"
    )
    page = built(project, "sec-one.html")
    links = {link.text: link["href"] for link in page.select(".notebook a")}
    path = "notebooks/01-one.ipynb"
    assert links == {
        "Open in Colab": f"https://colab.research.google.com/github/a/b/blob/main/{path}",
        "View source": f"https://github.com/a/b/blob/main/{path}",
        "Edit": f"https://github.com/a/b/edit/main/{path}",
        "Report a mistake": f"https://github.com/a/b/issues/new?title={path}",
    }
    assert not (project.root / "_book" / "notebooks").exists()


def test_nothing_is_left_of_the_sources_syntax(pages):
    for page in map(copy, pages.values()):
        for code in page.select("pre, annotation, script"):
            code.decompose()
        text = page.get_text()
        assert not re.search(r"\{#|\{\{<|:::|(?<![\w.])@\w|\?\w+-|#\|", text)
        assert "$" not in text


def test_every_head_of_a_column_has_words(pages):
    heads = [head for page in pages.values() for head in page.select("th")]
    assert heads and all(words(head) for head in heads)


def test_images_have_words_and_sizes_and_are_files(book, pages):
    images = [
        (name, image) for name, page in pages.items() for image in page.select("img")
    ]
    assert len(images) >= 8
    for name, image in images:
        assert len(image["alt"].split()) >= 6, (name, image["src"])
        with Image.open(book / image["src"]) as stored:
            assert (int(image["width"]), int(image["height"])) == (
                stored.width // 2, stored.height // 2,
            )  # fmt: skip
        assert image["loading"] == "lazy"


def test_no_page_asks_another_host_for_anything(book, pages):
    for page in pages.values():
        for element in page.select("[src], link[href]"):
            assert ":" not in element.get("src", element.get("href")), element
    for path in [book / "style.css", book / "script.js", book / "favicon.svg"]:
        urls = set(re.findall(r"https?://[^\s\"')]+", path.read_text()))
        assert urls <= {
            "http://www.w3.org/2000/svg",
            "http://www.w3.org/1998/Math/MathML",
        }
    assert "@import" not in (book / "style.css").read_text()


def test_pages_say_what_they_are(pages):
    titles = [page.title.text for page in pages.values()]
    assert len(set(titles)) == len(titles)
    assert titles[0] == "35 Neural ODEs"
    assert all(title.endswith(" – 35 Neural ODEs") for title in titles[1:])
    for page in pages.values():
        assert page.html["lang"] == "en-GB"
        for name in ["viewport", "description", "author"]:
            assert page.find("meta", attrs={"name": name})["content"]
        assert page.find("meta", property="og:title")["content"]
        assert len(page.select("h1")) == 1
        assert len(page.select('.sections a[aria-current="page"]')) == 1


def test_previous_and_next_follow_the_sidebar(pages):
    names = list(pages)
    for place, name in enumerate(names):
        for rel, neighbour in [("prev", place - 1), ("next", place + 1)]:
            link = pages[name].find("a", rel=rel)
            if 0 <= neighbour < len(names):
                assert link["href"].partition("#")[0] == names[neighbour]
            else:
                assert link is None


def test_references_from_other_pages_carry_their_preview(pages):
    seen = 0
    for page in pages.values():
        own = {element["id"] for element in page.select("[id]")}
        previews = {
            template["data-preview"]: template for template in page.select("template")
        }
        for link in page.select("main a[href*='#']:not(.listed)"):
            label = link["href"].partition("#")[2]
            if (
                label.startswith(("ref-", "def-", "thm-", "eq-", "prp-"))
                and label not in own
            ):
                assert words(previews[label])
                seen += 1
        assert not any(template.select("[id]") for template in previews.values())
    assert seen > 5


def test_a_statement_s_preview_is_its_text_alone(project):
    project.replace("chapters/small.qmd", "See", "See @thm-sum,")
    index = built(project, "index.html")
    (preview,) = index.select('template[data-preview="thm-sum"]')
    assert words(preview).startswith("Theorem 35.1 Sum It is")
    assert not preview.select("[id], .check-link")


def test_the_pdf_is_titled_linked_and_outlined(book):
    config = settings(ROOT)
    pdf = PdfReader(book / "neural-odes.pdf")
    assert (pdf.metadata.title, pdf.metadata.author) == (
        config["title"],
        config["author"],
    )
    assert pdf.root_object["/Lang"] == "en-GB"
    # Typst promises this only if every image and every formula has words
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf.root_object["/Metadata"].get_data()
    outline = [item.title for item in pdf.outline[1] if not isinstance(item, list)]
    assert outline[0].startswith("35.1 ") and outline[-1] == "References"
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in pdf.pages
        for font in page["/Resources"].get("/Font", {}).values()
    }
    assert fonts and all(
        re.match(r"/[A-Z]{6}\+", font) for font in fonts
    )  # embedded subsets
    assert sum(len(page.get("/Annots", [])) for page in pdf.pages) > 20
    text = "\n".join(page.extract_text() for page in pdf.pages)
    for name in [
        "Definition 35.1",
        "Theorem 35.1",
        "Figure 35.1",
        "(35.1)",
        "Exercise 35.1",
    ]:
        assert name in text.replace("\u00a0", " "), name


def test_the_pdf_s_figures_are_the_notebooks_and_have_their_palettes(book):
    stored = {
        image.convert("RGB").tobytes(): image.size
        for image in map(Image.open, (book / "images").glob("*.png"))
    }
    with pikepdf.open(book / "neural-odes.pdf") as pdf:
        found = [
            pikepdf.PdfImage(item)
            for item in pdf.objects
            if isinstance(item, pikepdf.Stream) and item.get("/Subtype") == "/Image"
        ]
        assert len(found) == len(stored)
        for image in found:
            assert image.indexed
            picture = image.as_pil_image().convert("RGB")
            assert stored[picture.tobytes()] == picture.size


def test_symbols_that_typst_has_renamed_are_printed(project):
    project.replace(
        "chapters/small.qmd",
        "See",
        r"$A \cap B \sqcap C \otimes D \odot E \ominus F \boxtimes G \times \dot x$. See",
    )
    build(project.root)
    paper = PdfReader(project.root / "_book" / "small.pdf").pages[0].extract_text()
    assert all(symbol in paper for symbol in "∩⊓⊗⊙⊖⊠×")


def test_the_e_book_holds_every_section(book, pages):
    with zipfile.ZipFile(book / "neural-odes.epub") as epub:
        chapters = [
            name for name in epub.namelist() if re.search(r"text/ch\d+\.xhtml$", name)
        ]
        soups = [BeautifulSoup(epub.read(name), "html.parser") for name in chapters]
        ids = {element["id"] for soup in soups for element in soup.select("[id]")}
        assert {
            name.removesuffix(".html") for name in pages if name.startswith("sec-")
        } <= ids
        for name in epub.namelist():
            if name.endswith(".png"):
                Image.open(io.BytesIO(epub.read(name))).verify()
        for image in (image for soup in soups for image in soup.select("img")):
            assert image["alt"]


def test_conditional_content_is_kept_for_its_format_only(project):
    project.replace(
        "chapters/small.qmd",
        "See",
        '::: {.content-visible when-format="html"}\nscreenonly\n:::\n\n'
        '::: {.content-hidden when-format="html"}\npaperonly\n:::\n\n'
        '::: {.content-visible unless-format="typst"}\nunprinted\n:::\n\nSee',
    )
    build(project.root)
    book = project.root / "_book"
    html = (book / "index.html").read_text()
    paper = PdfReader(book / "small.pdf").pages[0].extract_text()
    for text, expected in [(html, "screenonly unprinted"), (paper, "paperonly")]:
        assert re.findall("screenonly|paperonly|unprinted", text) == expected.split()
