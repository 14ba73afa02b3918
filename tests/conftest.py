"""A chapter in small, on which the renderer is tested, and ways to spoil it."""

import base64
import io
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from playwright import sync_api

from render.notebooks import METADATA

SETTINGS = """\
book:
  title: Small
  author: A. Author
  description: A chapter in small.
  output-file: small
  chapters: [index.qmd]
bibliography: references.bib
format:
  html:
    number-offset: 34
"""
OPENING = """\
---
sidebar: false
---

# Small {#sec-small}

{{< include chapters/small.qmd >}}
"""
CHAPTER = """\
See @sec-one and @fig-line; @chen2018.

{{< embed notebooks/01-one.ipynb echo=true >}}
"""
BIBLIOGRAPHY = """\
@book{chen2018, title = {A Book}, author = {Chen, Ricky}, year = {2018}}
"""
SECTION = """\
## One {#sec-one}

::: {#thm-sum}
#### Sum

It is $1 + 1 = 2$, by @eq-two.
:::

$$ 1 + 1 = 2 $$ {#eq-two}

### Summary
"""
CHECK = "#| checks: thm-sum\nassert 1 + 1 == 2\nprint('holds')"
FIGURE = (
    '#| label: fig-line\n#| fig-cap: "A line, as in @eq-two."\n'
    '#| fig-alt: "A straight line rises."\nplt.show()'
)


def png() -> str:
    """A white image, as a notebook stores it."""
    packed = io.BytesIO()
    Image.new("RGB", (40, 20), "white").save(packed, "PNG")
    return base64.b64encode(packed.getvalue()).decode("ascii")


def code(source: str, *outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs))


def printed(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return nbformat.v4.new_output("stream", name=name, text=text)


def drawn(**data: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("display_data", data={"image/png": png()} | data)


@dataclass
class Project:
    """A project in a folder of its own, with one notebook of three cells and an earlier book."""

    root: Path

    @classmethod
    def new(cls, root: Path) -> "Project":
        """Write the project to the empty folder `root`."""
        for folder in ["chapters", "notebooks", "_book"]:
            (root / folder).mkdir()
        (root / "_quarto.yml").write_text(SETTINGS)
        (root / "index.qmd").write_text(OPENING)
        (root / "chapters" / "small.qmd").write_text(CHAPTER)
        (root / "references.bib").write_text(BIBLIOGRAPHY)
        (root / "_book" / "index.html").write_text("the earlier book")
        return cls(root)

    def notebook(self, *cells: nbformat.NotebookNode, name: str = "01-one") -> Path:
        """Store the cells, numbered as if they had been executed in order."""
        count = 0
        for number, cell in enumerate(cells, start=1):
            cell.id = f"cell-{number}"
            if cell.cell_type == "code":
                count += 1
                cell.execution_count = count
        path = self.root / "notebooks" / f"{name}.ipynb"
        nbformat.write(
            nbformat.v4.new_notebook(cells=list(cells), metadata=METADATA), path
        )
        return path

    def replace(self, name: str, old: str, new: str) -> None:
        """Put `new` for `old` in a file; in a notebook inside the strings it stores."""
        path = self.root / name
        text = path.read_text()
        if path.suffix == ".ipynb":
            old, new = json.dumps(old)[1:-1], json.dumps(new)[1:-1]
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    small = Project.new(tmp_path)
    small.notebook(
        nbformat.v4.new_markdown_cell(SECTION),
        code(CHECK, printed("holds\n")),
        code(FIGURE, drawn()),
    )
    return small


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium or Chrome; what needs one is skipped on a machine that has none."""
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


def complaints(page) -> list[str]:
    """What the browser's `page` complains of; the list grows while it is used."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text))
    page.on("pageerror", lambda error: found.append(str(error)))
    return found
