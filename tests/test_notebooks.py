"""What nbval cannot see of the notebooks: their form, their independence, and that a fault is caught."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from render import ROOT
from render.notebooks import problems
from render.run import main as run

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def prose(path: Path) -> str:
    """The Markdown of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_there_are_notebooks():
    assert len(NOTEBOOKS) >= 3


@each
def test_the_form(path):
    assert problems(path, path.name) == []


def setup_cells(path: Path) -> list[str]:
    """The first two code cells: what is installed if missing, and the style of the figures."""
    cells = nbformat.read(path, as_version=4).cells
    install, style = [cell.source for cell in cells if cell.cell_type == "code"][:2]
    lines = [line for line in install.splitlines() if not line.startswith("needs = ")]
    return ["\n".join(lines), style]


@each
def test_every_notebook_begins_with_the_same_set_up(path):
    assert setup_cells(path) == setup_cells(NOTEBOOKS[0])


def test_every_explorer_is_made_by_the_same_cell():
    helpers = {
        path.stem: [
            cell.source
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "code" and "def explorer(" in cell.source
        ]
        for path in NOTEBOOKS
    }
    having = {name: sources for name, sources in helpers.items() if sources}
    assert len(having) == 3
    assert all(sources == next(iter(having.values())) for sources in having.values())
    assert len(next(iter(having.values()))) == 1


@each
def test_a_section_ends_in_a_summary_and_exercises(path):
    text = prose(path)
    if path.stem in {"00-opening", "16-solutions"}:
        return
    headings = [line for line in text.splitlines() if line.startswith("### ")]
    assert headings[-2:] == ["### Summary", "### Exercises"]
    assert text.count("::: {#exr-") in (2, 3)
    summary = text.split("### Summary")[1].split("### Exercises")[0]
    assert 1 <= summary.count("\n- ") <= 5


def test_each_exercise_has_one_solution_and_a_level():
    texts = {path.stem: prose(path) for path in NOTEBOOKS}
    solved = re.findall(r"^To @(exr-[\w-]+)\.", texts.pop("16-solutions"), re.MULTILINE)
    exercises = re.findall(
        r"\{#(exr-[\w-]+)\}\n#### .* ●{1,3}\n", "\n".join(texts.values())
    )
    assert solved == exercises
    assert "\n".join(texts.values()).count("{#exr-") == len(exercises)


def nbval(folder: Path, name: str) -> subprocess.CompletedProcess:
    """Run nbval in `folder` as a reader would, without this project's settings or modules."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "--nbval-current-env",
        "-q",
        name,
    ]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("PYTEST")
    }
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            marks=[] if path == NOTEBOOKS[0] else pytest.mark.nightly,
            id=path.stem,
        )
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_alone_in_an_empty_folder(path, tmp_path):
    shutil.copy(path, tmp_path)
    done = nbval(tmp_path, path.name)
    assert done.returncode == 0, done.stdout


def test_a_wrong_sign_is_caught(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    (cell,) = [cell for cell in notebook.cells if "states[-1] + h * f" in cell.source]
    cell.source = cell.source.replace("states[-1] + h * f", "states[-1] - h * f")
    nbformat.write(notebook, tmp_path / "spoiled.ipynb")
    done = nbval(tmp_path, "spoiled.ipynb")
    assert done.returncode == 1, done.stdout
    assert "AssertionError" in done.stdout


def test_a_changed_output_is_caught(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    stream = next(output for output in outputs if output.output_type == "stream")
    stream.text = stream.text.replace("2.0", "2.1")
    nbformat.write(notebook, tmp_path / "spoiled.ipynb")
    assert nbval(tmp_path, "spoiled.ipynb").returncode == 1


def test_run_executes_and_normalises(project, capfd):
    path = project.notebook(
        nbformat.v4.new_markdown_cell("## One {#sec-one}"),
        nbformat.v4.new_code_cell(
            "print(6 * 7)", metadata={"scrolled": True, "tags": ["a"]}
        ),
    )
    before = nbformat.read(path, as_version=4)
    sys.argv[1:] = [str(path)]
    assert run() == 0
    after = nbformat.read(path, as_version=4)
    assert [cell.id for cell in after.cells] == [cell.id for cell in before.cells]
    assert after.cells[1].outputs[0].text == "42\n"
    assert after.cells[1].metadata == {"tags": ["a"]}
    assert problems(path, "it") == []
    text = path.read_bytes()
    assert run() == 0
    assert path.read_bytes() == text


def test_run_names_the_cell_that_fails_and_leaves_the_notebook(project, capfd):
    path = project.notebook(nbformat.v4.new_code_cell("1 / 0"))
    text = path.read_bytes()
    sys.argv[1:] = [str(path)]
    assert run() == 1
    last = capfd.readouterr().err.splitlines()[-1]
    assert last == f"{path}, cell 1: ZeroDivisionError: division by zero"
    assert path.read_bytes() == text
