"""Bad input gets one line that names the place, an exit code, and leaves the earlier book whole."""

import os
import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pypandoc
import pytest
from conftest import code, drawn, png, printed

import render.__main__ as renderer

NOTEBOOK = "notebooks/01-one.ipynb"
CHAPTER = "chapters/small.qmd"


def text_cell(text):
    return lambda project: project.notebook(nbformat.v4.new_markdown_cell(text))


def cells(*made):
    head = nbformat.v4.new_markdown_cell("## One {#sec-one}\n\n@fig-line")
    return lambda project: project.notebook(head, *made)


def replaced(name, old, new):
    return lambda project: project.replace(name, old, new)


def write(name, text):
    return lambda project: (project.root / name).write_text(text)


def truncate(project):
    path = project.root / NOTEBOOK
    path.write_text(path.read_text()[:-200])


def executed_as(count):
    def spoil(project):
        path = project.root / NOTEBOOK
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[1].execution_count = count
        nbformat.write(notebook, path)

    return spoil


def second_notebook(project):
    project.notebook(nbformat.v4.new_markdown_cell("## Two {#sec-two}"), name="02-two")


BAD = {
    "truncated": (truncate, rf"{NOTEBOOK}: is not valid JSON \(line \d+: .*\)"),
    "empty": (write(NOTEBOOK, ""), rf"{NOTEBOOK}: is empty.*"),
    "no notebook": (write(NOTEBOOK, "[]"), rf"{NOTEBOOK}: is not a notebook: .*"),
    "no text": (
        lambda project: (project.root / NOTEBOOK).write_bytes(b"\xff\xfe\x00"),
        rf"{NOTEBOOK}: cannot be read: .*",
    ),
    "unexecuted": (
        executed_as(None), rf"{NOTEBOOK}, cell 2: is not executed.*",
    ),
    "out of order": (
        executed_as(7),
        rf"{NOTEBOOK}, cell 2: is executed out of order, 7 instead of 1",
    ),
    "exception stored": (
        cells(code(
            "1 / 0", nbformat.v4.new_output("error", ename="ZeroDivisionError", evalue="by zero")
        )),
        rf"{NOTEBOOK}, cell 2: stores an exception, ZeroDivisionError: by zero",
    ),
    "output of 20 MB": (
        cells(code("print('x' * 20_000_000)", printed("x" * 20_000_000))),
        rf"{NOTEBOOK}, cell 2: an output of 20000 kB; 20 kB at most",
    ),
    "warning on stderr": (
        cells(code("warn()", printed("UserWarning: no\nmore", "stderr"))),
        rf"{NOTEBOOK}, cell 2: writes to stderr: UserWarning: no",
    ),
    "path of a machine": (
        cells(code("print(f)", printed("/home/me/x.py"))),
        rf"{NOTEBOOK}, cell 2: an output holds a path of the machine it ran on",
    ),
    "HTML output": (
        cells(code("t", nbformat.v4.new_output("display_data", data={"text/html": "<b>"}))),
        rf"{NOTEBOOK}, cell 2: an output of type text/html; .*",
    ),
    "big explorer": (
        cells(code("t", drawn(**{"text/html": "<p>" + "A" * 13_000}))),
        rf"{NOTEBOOK}, cell 2: an explorer of 13 kB; 12 kB at most",
    ),
    "explorer with a request": (
        cells(code("t", drawn(**{"text/html": "<img src=a.png>"}))),
        rf"{NOTEBOOK}, cell 2: an explorer that asks the network for something",
    ),
    "SVG figure": (
        cells(code("t", nbformat.v4.new_output("display_data", data={"image/svg+xml": "<svg>"}))),
        rf"{NOTEBOOK}, cell 2: an output of type image/svg\+xml; .*",
    ),
    "big figure": (
        cells(code("t", nbformat.v4.new_output(
            "display_data", data={"image/png": png() + "A" * 200_000}
        ))),
        rf"{NOTEBOOK}, cell 2: a figure of 15\d kB; 120 kB at most",
    ),
    "long line": (
        cells(code("a = '" + 90 * "x" + "'")),
        rf"{NOTEBOOK}, cell 2: a line of code is longer than 88 characters",
    ),
    "check without assert": (
        replaced(NOTEBOOK, "assert 1 + 1 == 2", "# assert 1 + 1 == 2"),
        rf"{NOTEBOOK}, cell 2: checks a statement without an assert",
    ),
    "label twice": (
        text_cell("## One {#sec-one}\n\n### Again {#sec-one}\n"),
        rf"{NOTEBOOK}, cell 1: the label sec-one stands already in {NOTEBOOK}, cell 1",
    ),
    "reference to nothing": (
        replaced(NOTEBOOK, "by @eq-two", "by @eq-two and @thm-none"),
        rf"{NOTEBOOK}, cell 1: unknown reference @thm-none",
    ),
    "citation of nothing": (
        replaced(CHAPTER, "@chen2018", "@chen2018 [@none2020]"),
        rf"{CHAPTER}: @none2020 is not in references.bib",
    ),
    "reference among citations": (
        replaced(CHAPTER, "@chen2018", "[@chen2018; @sec-one]"),
        rf"{CHAPTER}: references and citations cannot share one pair of brackets",
    ),
    "formula label on nothing": (
        replaced(NOTEBOOK, "### Summary", "Text {#eq-lost}"),
        rf"{NOTEBOOK}, cell 1: the label eq-lost labels nothing",
    ),
    "figure label on nothing": (
        replaced(NOTEBOOK, "#| checks: thm-sum", "#| checks: thm-sum\n#| label: fig-none"),
        rf"{NOTEBOOK}, cell 2: the label fig-none stands on a cell without a figure",
    ),
    "number nobody refers to": (
        replaced(NOTEBOOK, "### Summary", "$$ x $$ {#eq-idle}"),
        rf"{NOTEBOOK}, cell 1: eq-idle is numbered, but the text never refers to it",
    ),
    "figure without label": (
        cells(code("plt.show()", drawn()), code("#| label: fig-line\n#| fig-cap: a\n#| fig-alt: b", drawn())),
        rf'{NOTEBOOK}, cell 2: a figure needs "#\| label: fig-…"',
    ),
    "figure without alternative text": (
        replaced(NOTEBOOK, '#| fig-alt: "A straight line rises."\n', ""),
        rf"{NOTEBOOK}, cell 3: the figure fig-line has no alternative text, .*",
    ),
    "figure without caption": (
        replaced(NOTEBOOK, '#| fig-cap: "A line, as in @eq-two."\n', ""),
        rf"{NOTEBOOK}, cell 3: the figure fig-line has no caption, .*",
    ),
    "two figures in a cell": (
        cells(code("#| label: fig-line\n#| fig-cap: a\n#| fig-alt: b", drawn(), drawn())),
        rf"{NOTEBOOK}, cell 2: a cell shows one figure, this one has more",
    ),
    "image without alternative text": (
        replaced(CHAPTER, "See", "![](none.png) See"),
        rf"{CHAPTER}: the image none.png has no alternative text",
    ),
    "unknown option": (
        replaced(NOTEBOOK, "#| checks", "#| warning: false\n#| checks"),
        rf"{NOTEBOOK}, cell 2: unsupported cell option warning",
    ),
    "option not YAML": (
        replaced(NOTEBOOK, '"A straight line rises."', '"A straight line rises.'),
        rf'{NOTEBOOK}, cell 3: the cell options "#\|" are not valid YAML',
    ),
    "unknown shortcode": (
        replaced(CHAPTER, "See", "{{< video x.mp4 >}}\n\nSee"),
        rf"{CHAPTER}: unsupported shortcode {{{{< video x.mp4 >}}}}",
    ),
    "shortcode in a sentence": (
        replaced(CHAPTER, "See", "See {{< meta x >}}"),
        rf"{CHAPTER}: a shortcode has to stand in a paragraph of its own",
    ),
    "statement without check": (
        replaced(NOTEBOOK, "#| checks: thm-sum\n", ""),
        rf'{NOTEBOOK}, cell 1: no cell checks thm-sum, "#\| checks: …"',
    ),
    "check of nothing": (
        replaced(NOTEBOOK, "#| checks: thm-sum", "#| checks: [thm-sum, thm-none]"),
        rf'{NOTEBOOK}, cell 2: "#\| checks" names thm-none, which is no statement',
    ),
    "hidden check": (
        replaced(NOTEBOOK, "#| checks", "#| include: false\n#| checks"),
        rf"{NOTEBOOK}, cell 2: a cell that checks something cannot be hidden",
    ),
    "chapter heading in a section": (
        replaced(NOTEBOOK, "### Summary", "# Summary"),
        rf'{NOTEBOOK}, cell 1: a heading "#" would begin a new chapter; .*',
    ),
    "section without label": (
        replaced(CHAPTER, "See", "## Two\n\nSee"),
        rf'{CHAPTER}: a section\'s heading needs a label, "{{#sec-…}}"',
    ),
    "heading too deep": (
        replaced(NOTEBOOK, "### Summary", "#### Summary"),
        rf"{NOTEBOOK}, cell 1: headings go down to .*",
    ),
    "formula that is none": (
        replaced(NOTEBOOK, "$1 + 1 = 2$", r"$\frac{1}$"), rf"{NOTEBOOK}, cell 1: a formula that Pandoc cannot read: .*",
    ),
    "notebook embedded nowhere": (
        second_notebook, r"notebooks/02-two.ipynb: is embedded in no chapter",
    ),
    "notebook not there": (
        replaced(CHAPTER, "{{< embed", "{{< embed notebooks/none.ipynb echo=true >}}\n\n{{< embed"),
        rf"{CHAPTER}: there is no file notebooks/none.ipynb",
    ),
    "no bibliography": (
        lambda project: (project.root / "references.bib").unlink(), r"references.bib: .*",
    ),
    "bibliography with a syntax error": (
        write("references.bib", "@book{chen2018, title = {A Book}\nyear"), r"references.bib: .*",
    ),
    "entry nobody cites": (
        write("references.bib", "@book{chen2018, title={A}}\n@book{idle2020, title={B}}\n"),
        r"references.bib: idle2020 is cited nowhere",
    ),
    "settings without a key": (
        replaced("_quarto.yml", "  author: A. Author\n", ""), r"_quarto.yml: lacks the key 'author'",
    ),
    "settings not YAML": (write("_quarto.yml", "book: [\n"), r"_quarto.yml: .*"),
    "settings missing": (
        lambda project: (project.root / "_quarto.yml").unlink(),
        r"_quarto.yml: cannot be read: .*",
    ),
    "no room for the book": (
        lambda project: (
            shutil.rmtree(project.root / "_book"), (project.root / "_book").write_text("a file")
        ),
        r"_book: cannot be replaced: not a folder",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_gets_one_line_and_leaves_the_earlier_book(
    spoil, message, project, capfd
):
    spoil(project)
    assert renderer.main(project.root) == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert re.fullmatch(message, lines[0]), lines[0]
    assert_earlier_book(project.root)


def assert_earlier_book(root: Path) -> None:
    book = root / "_book"
    assert book.is_file() or [page.name for page in book.iterdir()] == ["index.html"]
    assert not list(root.glob(".book-*"))


def test_a_book_that_cannot_be_put_in_place_leaves_the_earlier_one(
    project, capfd, monkeypatch
):
    rename = Path.rename

    def refuse(self, target):
        if Path(target).name == "_book" and self.name == "book":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    assert renderer.main(project.root) == 1
    assert capfd.readouterr().err == "_book: cannot be replaced: Permission denied\n"
    assert_earlier_book(project.root)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_the_earlier_book(sent, project):
    shutil.copytree(renderer.HERE, project.root / "render")
    slow = project.root / "pandoc"  # so that the signal cannot come too late
    slow.write_text(
        f'#!/bin/sh\ntest "$1" = --version && exec {pypandoc.get_pandoc_path()} "$@"\nexec sleep 60\n'
    )
    slow.chmod(0o755)
    # A shell that runs this suite in the background has it ignore the first signal.
    build = subprocess.Popen(
        [sys.executable, "-m", "render"], cwd=project.root, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, "PYPANDOC_PANDOC": str(slow)},
        preexec_fn=partial(signal.signal, sent, signal.SIG_DFL),
    )  # fmt: skip
    assert build.stdout.readline().startswith("book ")  # it has begun
    os.killpg(build.pid, sent)
    _, error = build.communicate(timeout=60)
    assert (build.returncode, error) == (
        130,
        "interrupted; the earlier _book stays as it was\n",
    )
    assert_earlier_book(project.root)


def test_a_good_project_gives_a_book(project, capfd):
    assert renderer.main(project.root) == 0
    assert capfd.readouterr().err == ""
    names = {page.name for page in (project.root / "_book").iterdir()}
    assert names >= {
        "index.html",
        "sec-one.html",
        "references.html",
        "small.pdf",
        "small.epub",
    }
    assert not list(project.root.glob(".book-*"))
    assert (
        'href="sec-one.html#fig-line"'
        in (project.root / "_book" / "index.html").read_text()
    )
