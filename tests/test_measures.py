"""Every number that the prose gives stands in a cell near it, and a number that parts from it is found."""

import nbformat
import pytest
from conftest import code, printed
from measures import Chapter
from nbformat.v4 import new_markdown_cell as prose

from render import ROOT

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SETUP = [code("needs = [31]"), code("size = 6.4")]


@pytest.fixture(scope="module")
def chapter() -> Chapter:
    return Chapter({path.name: nbformat.read(path, as_version=4) for path in PATHS})


@pytest.mark.parametrize("name", [path.name for path in PATHS])
def test_the_prose_says_what_the_cells_say(chapter, name):
    assert chapter.untied(name) == []


def small(*cells: nbformat.NotebookNode) -> Chapter:
    """A chapter of one section, `it`, that begins with the two set-up cells."""
    return Chapter({"it": nbformat.v4.new_notebook(cells=[*SETUP, *cells])})


def verdicts(text: str, *cells: nbformat.NotebookNode) -> dict[str, str]:
    """What is found of each number in `text`, which stands before the cells."""
    return {m.text: m.verdict for _, m in small(prose(text), *cells).measures("it")}


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("The error is 0.26.", "error 0.2551"),
        ("It is $-8.2$.", "from -8.20 to 8.2"),
        ("About 5 % are lost.", "lost: 0.0514"),
        ("$6\\ \\%$ are lost.", "lost: 6.2 %"),
        ("It is $3.8 \\cdot 10^7$.", "3.84e+07"),
        ("Below $10^{-8}$.", "below 1e-8"),
        ("A factor of $10^8$.", "down to 1e-8"),
        ("After 20 000 steps.", "20_000 steps"),
        ("Some 460 steps.", "458 steps"),
        ("It takes $4$ times as long.", "4 times"),
    ],
)
def test_a_number_is_found_as_the_prose_rounds_it(text, output):
    assert set(verdicts(text, code("run()", printed(output))).values()) == {"printed"}


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("The error is 0.26.", "error 0.2651"),
        ("It is $-8.2$.", "from -8.30 to 8.3"),
        ("About 5 % are lost.", "lost: 0.0574"),
        ("It is $3.8 \\cdot 10^7$.", "3.94e+07"),
        ("Below $10^{-8}$.", "below 1e-7"),
        ("Some 460 steps.", "468 steps"),
        ("It takes $4$ times as long.", "5 times"),
    ],
)
def test_a_number_that_parts_from_its_output_is_named(text, output):
    (line,) = small(prose(text), code("run()", printed(output))).untied("it")
    assert line.startswith("it, cell 3: no cell near it prints, asserts or uses ")
    assert line.endswith(f": “{text}”")


def test_a_caption_is_prose():
    cell = code('#| fig-cap: "The error is 0.26."\nrun()', printed("error 0.2651"))
    (line,) = small(cell).untied("it")
    assert "asserts or uses 0.26" in line


@pytest.mark.parametrize(
    ("text", "source", "verdict"),
    [
        ("It is 0.26.", "assert abs(x - 0.26) < tol", "asserted"),
        ("Some 300 steps.", "assert 285 < steps < 325", "asserted"),
        ("Some 300 steps.", "assert 100 < steps < 500", "untied"),
        ("A step of 0.25.", "h = 1 / 4", "used"),
        ("A step of 0.25.", "h = 0.2501", "untied"),
        ("With 64 steps.", "f(2**6)", "used"),
        ("Of 4 %.", "p = 0.04", "used"),
        ("Of 4 %.", "p = 4", "untied"),
        ("It is 0.25.", "plt.plot(x, alpha=0.25)", "untied"),
        ("It is 0.25.", "ax.set_xlim(0, 0.25)", "untied"),
        ("It is 0.25.", "print('0.25')", "untied"),
        ("It is 6.4.", "x = 1", "untied"),  # that is in the set-up
    ],
)
def test_code_may_hold_a_number(text, source, verdict):
    assert set(verdicts(text, code(source)).values()) == {verdict}


@pytest.mark.parametrize(
    "text",
    [
        "There are 3 of them, $x^2$ and $x_{12}$, $\\tfrac{11}{12}$, $e^{-40}$.",
        "It was found in 1895, and again in 2018.",
        "Turn it by 180 degrees, or by $85^\\circ$.",
        "By @thm-picard-12 and `step=0.25`.",
        "## A title with 0.25 {#sec-title}",
        "$$ x = 0.25 $$ {#eq-quarter}",
        "::: {#thm-quarter}\n#### Quarter\n\nIt is 0.25.\n:::",
        "::: {.proof}\nIt is 0.25.\n:::",
    ],
)
def test_what_is_not_measured_is_left_alone(text):
    assert verdicts(text, code("run()")) == {}


def test_a_source_answers_for_its_sentence_only():
    text = (
        "They report 40 % [@chen2018]. Here it is 30 %. See [0.5](https://x.org/) 20 %."
    )
    found = verdicts(text, code("run()"))
    assert found == {"40 %": "cited", "30 %": "untied", "20 %": "cited"}


def test_a_table_has_the_source_of_its_caption():
    table = "| a | 0.25 |\n|---|---|\n| b | 0.75 |\n\n: As in @chen2018. {#tbl-a}\n\nSo 0.5."
    found = verdicts(table, code("run()"))
    assert found == {"0.25": "cited", "0.75": "cited", "0.5": "untied"}


def test_a_cell_must_be_near():
    answer = code("run()", printed("0.26"))
    near = [prose("Next."), answer]
    far = [prose("Next."), prose("And next."), answer]
    assert verdicts("It is 0.26.", *near) == {"0.26": "printed"}
    assert verdicts("It is 0.26.", *far) == {"0.26": "untied"}
    assert verdicts("### Summary\n\nIt is 0.26.", *far) == {"0.26": "printed"}
    assert verdicts("### Summary\n\nIt is 0.26.", *far[:2], code("x = 0.26")) == {
        "0.26": "untied"
    }


def test_a_reference_leads_to_a_far_cell():
    far = [prose("Next."), prose("And next.")]
    figure = code("#| label: fig-a\nplt.show()")
    cells = [*far, figure, code("run()", printed("0.26"))]
    assert verdicts("It is 0.26, by @fig-a.", *cells) == {"0.26": "printed"}
    assert verdicts("It is 0.26.", *cells) == {"0.26": "untied"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("02-existence-and-uniqueness.ipynb", "1.0003", "1.0004"),
        ("10-learning-dynamics.ipynb", "0.715", "0.725"),
        ("16-solutions.ipynb", "70.6", "70.7"),
    ],
)
def test_a_changed_output_of_the_book_is_caught(chapter, name, old, new):
    notebook = nbformat.from_dict(chapter.notebooks[name])
    texts = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if old in output.get("text", "")
    ]
    assert texts
    for output in texts:
        output.text = output.text.replace(old, new)
    spoiled = Chapter(chapter.notebooks | {name: notebook})
    assert spoiled.untied(name)
