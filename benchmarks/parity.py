"""Render the book with both renderers and compare what they number: `python -m benchmarks.parity`."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bs4 import BeautifulSoup

from benchmarks import LABEL, copy_sources
from render import ROOT, BookError, status
from render.__main__ import build

NAMED = re.compile(r"[A-Z][a-z]+ (\d+\.\d+)")  # Theorem 35.1
BRACKETED = re.compile(r"\((\d+\.\d+)\)")
COUNT = ".header-section-number, .chapter-number"


def _words(element) -> str:
    return " ".join(element.get_text().split())


def _number(kind: str, element) -> str | None:
    if kind == "sec":
        count = element.select_one(COUNT)
        return _words(count) if count else None
    found = (BRACKETED if kind == "eq" else NAMED).findall(_words(element))
    # An equation's number stands behind it, that of anything else before its text.
    return found[-1 if kind == "eq" else 0] if found else None


def read(pages: list[Path]) -> Counter[str]:
    """What the HTML files `pages` number, by the line that says so: labels, references, headings."""
    found = Counter()
    for path in pages:
        page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for extra in page.select("template, nav, .cell-checks"):  # ours
            extra.decompose()
        for element in page.find_all(id=re.compile(f"^{LABEL}")):
            kind = element["id"].partition("-")[0]
            found[f"{element['id']} is {_number(kind, element)}"] += 1
        for link in page.select("a.ref, a.quarto-xref"):
            target = link["href"].partition("#")[2]
            found[f"“{_words(link)}” leads to {target}"] += 1
        for formula in page.select("math, .math"):  # written by each in its way
            formula.decompose()
        for heading in page.find_all(["h1", "h2", "h3", "h4"]):
            if heading.select_one(COUNT):
                found[f"there is a heading “{_words(heading)}”"] += 1
    return found


def differences(ours: Counter[str], theirs: Counter[str]) -> list[str]:
    """One line for whatever one of the two books says more often than the other."""
    return [
        f"{line}: {ours[line]} times in ours, {theirs[line]} times in Quarto's"
        for line in sorted(ours | theirs)
        if ours[line] != theirs[line]
    ]


def compare(root: Path, quarto: str) -> int:
    """How many lines the two books of the project at `root` differ in; says which."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        copy_sources(root, work)
        build(work)
        ours = read(sorted((work / "_book").glob("*.html")))
        # Quarto empties _book and writes its own.
        if subprocess.run([quarto, "render", "--to", "html"], cwd=work).returncode:
            raise BookError("parity  quarto render failed")
        theirs = read(sorted((work / "_book").glob("*.html")))
    found = differences(ours, theirs)
    for line in found:
        print(f"parity  {line}", file=sys.stderr)
    print(f"parity  {len(ours)} labels, references and headings, {len(found)} differ")
    return len(found)


def main(root: Path = ROOT) -> int:
    """Compare; 0 if the books agree or if there is no Quarto to compare with."""
    quarto = shutil.which("quarto")
    if quarto is None:
        print("parity  skipped: there is no quarto on the PATH (see README.md, Read)")
        return 0
    return status(lambda: min(compare(root, quarto), 1), "interrupted")


if __name__ == "__main__":
    sys.exit(main())
