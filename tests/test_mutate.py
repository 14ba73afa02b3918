"""Faults are planted where they should be, each is run once, and the report says what came of it."""

import os
import signal
import threading
import time

import nbformat
import pytest
from conftest import code, drawn, printed
from cosmic_ray.mutating import mutate_code
from distributed import Client

from benchmarks.faults import choose, places
from benchmarks.mutate import Report, Section, run, stored, trial
from benchmarks.operators import KINDS
from render import BookError

EXAMPLES = [
    pytest.param(operator, example, id=example.pre_mutation_code)
    for operators in KINDS.values()
    for operator in operators
    if hasattr(operator, "examples")
    for example in operator.examples()
]
SET_UP = "#| include: false\nimport math\n\nhidden = 1 + 2"
TAUGHT = (
    "%precision 3\n\n\ndef step(h, y):\n    return y + h * y\n\n\ntwo = step(1.0, 1.0)"
)
CHECK = 'loose = two - 0.5\nassert two == 2.0 and loose > 0\nprint(f"{3 - 1} = {two}")'
FIGURE = (
    "#| label: fig-line\nimport matplotlib.pyplot as plt\n\n"
    "fig, ax = plt.subplots()\nends = 3 * two\nax.plot([0, ends + 1])\nplt.show()"
)


@pytest.fixture
def toy(project):
    """A notebook with a set-up, a formula and its check, and what that prints."""
    cells = [code(SET_UP), code(TAUGHT), code(CHECK, printed("2 = 2.0\n"))]
    return project.notebook(nbformat.v4.new_markdown_cell("## One"), *cells)


@pytest.fixture
def drawing(toy):
    """The toy with a figure, not to be executed."""
    notebook = nbformat.read(toy, as_version=4)
    notebook.cells.append(code(FIGURE, drawn()))
    return notebook


@pytest.fixture(scope="module")
def client():
    with Client(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as client:
        yield client


@pytest.mark.parametrize(("operator", "example"), EXAMPLES)
def test_an_operator_does_what_its_example_says(operator, example):
    mutated = mutate_code(example.pre_mutation_code, operator, example.occurrence)
    assert mutated == example.post_mutation_code


def found(path):
    return places(nbformat.read(path, as_version=4), "01")


def test_faults_are_planted_only_where_something_is_taught(drawing):
    lines = {place.line for place in places(drawing, "01")}
    assert lines == {"return y + h * y", "loose = two - 0.5"}


def test_data_that_only_a_figure_uses_is_left_alone(drawing):
    drawing.cells[3].source += "\nshown = two * 3"
    drawing.cells[4].source += "\nax.plot(shown)"
    assert "shown = two * 3" not in {place.line for place in places(drawing, "01")}
    drawing.cells.append(code("assert shown == 6"))
    assert "shown = two * 3" in {place.line for place in places(drawing, "01")}


def test_ids_outlive_other_edits(toy):
    before = {place.id for place in found(toy)}
    notebook = nbformat.read(toy, as_version=4)
    notebook.cells.insert(1, code("other = 1\nassert other + 1 == 2"))
    notebook.cells[3].source += "\nthree = two / 3"
    after = {place.id for place in places(notebook, "01")}
    assert before <= after and len(before) == len(found(toy)) > 5


def test_a_seed_chooses_the_same_faults_again_and_spreads_them(toy):
    notebook = nbformat.read(toy, as_version=4)
    chosen = choose(notebook, found(toy), 3, seed=0)
    assert chosen == choose(notebook, found(toy)[::-1], 3, seed=0)
    assert len({fault.kind for fault in chosen}) == 3
    assert {fault.cell for fault in chosen} == {3, 4}
    others = [choose(notebook, found(toy), 3, seed) for seed in range(1, 6)]
    assert any(other != chosen for other in others)


def test_a_trial_tells_what_caught_the_fault(toy):
    text = toy.read_text()
    assert trial("one", text, 300)["caught"] is False
    seen = trial("one", text.replace("y + h * y", "y - h * y"), 300)
    assert (seen["caught"], seen["nth"], seen["why"]) == (True, 2, "AssertionError")
    seen = trial("one", text.replace("{3 - 1} =", "{3 + 1} ="), 300)
    assert (seen["caught"], seen["nth"], seen["why"]) == (True, 2, "output")


@pytest.mark.nightly
def test_a_hang_counts_as_caught_and_leaves_no_process(project, tmp_path):
    mark = tmp_path / "kernel"
    source = f"import os\n\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\nwhile True:\n    pass"
    path = project.notebook(code(source))
    assert trial("one", path.read_text(), 20)["why"] == "hang"
    kernel = int(mark.read_text())
    assert _ends(kernel)


def _ends(process: int) -> bool:
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_nbval_that_cannot_do_its_work_catches_nothing():
    with pytest.raises(RuntimeError, match="nbval ended with status"):
        trial("one", "this is no notebook", 60)


def test_a_lost_worker_costs_its_fault_another_run(toy, tmp_path):
    section = Section.of(toy, 3, 0)
    assert len(section.faults) == 3
    with Client(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as client:
        busy = _kill_one_that_is_busy(client)
        seen = run(client, [section], tmp_path / "results.jsonl")
        assert busy["killed"]
    assert sorted(seen) == sorted(fault.id for fault in section.faults)
    keys = [
        line for line in (tmp_path / "results.jsonl").read_text().split("\n") if line
    ]
    assert len(keys) == len(set(keys)) == 4


def _kill_one_that_is_busy(client):
    """Wait in a thread until a worker has a fault, and kill its process."""
    told = {"killed": False}
    processes = client.run(os.getpid)

    def wait():
        while not told["killed"]:
            for worker, keys in client.processing().items():
                if any(not key.startswith("01-one-sound") for key in keys):
                    os.kill(processes[worker], signal.SIGKILL)
                    told["killed"] = True
                    return
            time.sleep(0.1)

    threading.Thread(target=wait, daemon=True).start()
    return told


def test_an_interrupted_run_goes_on_where_it_was(toy, tmp_path, client):
    path, section = tmp_path / "results.jsonl", Section.of(toy, 2, 0)
    first = run(client, [section], path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])  # it broke off here
    assert len(stored(path)) == 2
    assert run(client, [section], path) == first | _seconds_of(path, first)
    assert len(stored(path)) == 3


def test_a_result_outlives_the_prose_but_not_the_code(toy):
    key = Section.of(toy, 1, 0).task(None, 60).key
    toy.write_text(toy.read_text().replace("## One", "## Two"))
    assert Section.of(toy, 1, 0).task(None, 60).key == key
    toy.write_text(toy.read_text().replace("2 = 2.0", "2 = 2.00"))
    assert Section.of(toy, 1, 0).task(None, 60).key != key


def _seconds_of(path, first):
    """The first results with the times of the second run, which may differ."""
    by_id = {key.rsplit("-", 1)[0]: result for key, result in stored(path).items()}
    return {name: first[name] | {"seconds": by_id[name]["seconds"]} for name in first}


def test_a_notebook_that_fails_by_itself_stops_the_run(toy, tmp_path, client):
    toy.write_text(toy.read_text().replace("two == 2.0", "two == 3.0"))
    with pytest.raises(
        BookError, match="01-one, cell 4: fails without a fault: AssertionError"
    ):
        run(client, [Section.of(toy, 2, 0)], tmp_path / "results.jsonl")
    assert stored(tmp_path / "results.jsonl") == {}


def caught(why):
    return {"caught": why is not None, "nth": why and 2, "why": why, "seconds": 1.0}


def test_the_report_counts_equivalent_faults_apart_and_finds_stale_entries(toy):
    section = Section.of(toy, 3, 0)
    one, two, three = (fault.id for fault in section.faults)
    seen = {one: caught("AssertionError"), two: caught(None), three: caught(None)}
    report = Report([section], seen, {two: "no matter"})
    assert report.verdict.startswith("1 of 2 faults caught (50.0 %")
    assert report.stale() == []
    text = report.text("survived", "equivalent", "caught")
    assert "caught by AssertionError, cell 4" in text and f"`{two}`" in text
    stale = Report(
        [section], seen, {one: "?", "01-sign-000000-1": "?", "02-x": "?"}
    ).stale()
    assert stale == [
        f"`{one}` is listed as equivalent, but is caught",
        "`01-sign-000000-1` is listed as equivalent, but is no more",
    ]
