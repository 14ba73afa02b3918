"""The comparison with Quarto, on a page in the form that Quarto 1.11 writes."""

import os

import pytest

from benchmarks.parity import main

QUARTO = """\
<nav><a href="#thm-sum" class="nav-link">35.9 not counted</a></nav>
<h1 class="title"><span id="sec-small"><span class="chapter-number">35</span>&nbsp;
<span class="chapter-title">Small</span></span></h1>
<p>See <a href="#sec-one" class="quarto-xref">Section&nbsp;35.1</a> and
<a href="#fig-line" class="quarto-xref">Figure&nbsp;35.1</a>; Chen 2018.</p>
<section id="sec-one"><h2><span class="header-section-number">35.1</span> One</h2>
<div id="thm-sum" class="theorem"><p><span class="theorem-title"><strong>Theorem 35.1 (Sum)</strong></span>
It is <math><mn>1</mn></math>, by <a href="#eq-two" class="quarto-xref">Equation&nbsp;35.1</a>.</p></div>
<p><span id="eq-two"><math><mn>1</mn><mo>(</mo><mn>35.1</mn><mo>)</mo></math></span></p>
<div id="fig-line"><figure><figcaption>Figure&nbsp;35.1: A line, as in
<a href="#eq-two" class="quarto-xref">Equation&nbsp;35.1</a>.</figcaption></figure></div>
<h3><span class="header-section-number">35.1.1</span> Summary</h3></section>
"""


@pytest.fixture
def quarto(tmp_path_factory, monkeypatch):
    """A way to put a program on the PATH that writes the page it is given, as Quarto would."""

    def install(page: str) -> None:
        folder = tmp_path_factory.mktemp("bin")
        (folder / "page.html").write_text(page)
        program = folder / "quarto"
        program.write_text(
            f'#!/bin/sh\nrm -rf _book\nmkdir _book\ncp "{folder}/page.html" _book/index.html\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return install


def test_two_books_that_agree(project, quarto, capsys):
    quarto(QUARTO)
    assert main(project.root) == 0
    assert capsys.readouterr().out.endswith(
        "parity  11 labels, references and headings, 0 differ\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("Theorem 35.1", "Theorem 35.2", ["thm-sum is 35.1", "thm-sum is 35.2"]),
        ("<mn>35.1</mn>", "<mn>35.3</mn>", ["eq-two is 35.1", "eq-two is 35.3"]),
        (' href="#fig-line"', ' href="#fig-no"', ["leads to fig-line", "leads to fig-no"]),
        (" Summary", " Sum", ["heading “35.1.1 Summary”", "heading “35.1.1 Sum”"]),
    ],
    ids=["statement", "equation", "target", "heading"],
)  # fmt: skip
def test_two_books_that_differ(project, quarto, capsys, old, new, lines):
    assert old in QUARTO
    quarto(QUARTO.replace(old, new))
    assert main(project.root) == 1
    told = capsys.readouterr().err
    for line in lines:
        assert line in told


def test_without_quarto_it_says_that_it_is_skipped(project, monkeypatch, capsys):
    monkeypatch.setenv("PATH", os.fspath(project.root))
    assert main(project.root) == 0
    assert "skipped: there is no quarto" in capsys.readouterr().out
