"""What the benchmarks compute from what they measure; nothing here takes the time."""

import gzip

import pytest
from conftest import code

from benchmarks.speed import (
    COPIES,
    interleave,
    main,
    multiply,
    notebook,
    ratio,
    spread,
    weigh,
)
from render import BookError
from render.__main__ import build


def test_tasks_are_called_in_turns_after_a_warm_up():
    calls = []
    tasks = {name: lambda turn, name=name: calls.append((name, turn)) for name in "AB"}
    found = interleave(tasks, 2)
    assert calls == [("A", 0), ("B", 0)] + [(n, t) for t in (0, 1) for n in "AB"]
    assert found == {"A": [None, None], "B": [None, None]}


def test_a_ratio_is_taken_within_the_pairs():
    assert spread([3, 1, 2]) == "2 [1.5, 2.5]"
    assert spread([3]) == "3"
    assert spread([1234.5]) == "1230"
    # the quotient of the medians is 1
    assert ratio([2, 1, 30], [1, 2, 10]) == "2 [1.25, 2.5]"


def test_a_notebook_is_executed_down_to_the_name_that_is_wanted(project, capsys):
    path = project.notebook(
        code("base = 2\nprint('loud')"),
        code("wanted = base + 1"),
        code("raise OSError"),
    )
    assert notebook(path, "wanted").wanted == 3
    assert not capsys.readouterr().out
    project.notebook(code("base = 2"))
    with pytest.raises(BookError, match=r"01-one\.ipynb: defines no wanted"):
        notebook(path, "wanted")


def test_copies_of_a_notebook_make_a_book(project):
    multiply(project.root, COPIES[-1])
    build(project.root)
    pages = {path.name for path in (project.root / "_book").glob("sec-*.html")}
    assert pages == {"sec-one.html"} | {f"sec-one-copy{n}.html" for n in (2, 3, 4)}
    last = (project.root / "_book" / "sec-one-copy4.html").read_text()
    assert 'id="thm-sum-copy4"' in last and 'id="thm-sum"' not in last
    assert 'href="sec-one.html' not in last.partition("<main")[2].partition("</main")[0]


def test_a_page_weighs_what_it_asks_for(tmp_path):
    (tmp_path / "a.css").write_bytes(b"p{}")
    (tmp_path / "a.png").write_bytes(bytes(5000))
    (tmp_path / "b.png").write_bytes(bytes(9000))
    page = tmp_path / "a.html"
    page.write_text(
        '<link href="a.css"><a href="b.html"></a><img src="a.png"><img src="a.png">'
        '<template><img src="b.png"></template>'
    )
    view = len(gzip.compress(page.read_bytes())) + len(gzip.compress(b"p{}"))
    assert weigh(page) == (view / 1000, 5)


def test_a_benchmark_that_does_not_exist_is_named(capsys):
    assert main(["build", "sped"]) == 2
    assert capsys.readouterr().err.startswith("bench  no sped; there is adjoint, ")
