"""Measure the chapter and its tools: `python -m benchmarks.speed [NAME…]`; see BENCHMARKS below.

What is compared runs in turns, A B A B …, so that a busy machine disturbs both alike. A figure is
the median, with the quartiles in brackets; a ratio is the median of the ratios within the turns.
"""

import gzip
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import torch
from bs4 import BeautifulSoup
from matplotlib.axes import Axes

from benchmarks import LABEL, copy_sources
from benchmarks.stages import STAGES
from render import ROOT, BookError, status

TARGET = ROOT / "_bench"
TOLERANCES = [1e-3, 1e-5, 1e-7, 1e-9]
COPIES = np.array([1, 2, 4])
VIEW = 150  # kB, what a page may ask for before its first figure

# The regression of the lecture that this chapter grew from: single precision, a thousand steps of
# plain gradient descent on ten points, and the solver's default method with a loose tolerance.
LECTURE = {
    "solver": {"method": "dopri5", "rtol": 1e-3, "atol": 1e-3},
    "training": (torch.optim.SGD, 1000),
    "dtype": torch.float32,
}
WIDTH, RATE = 25, 0.01  # the same in the notebook


@dataclass
class Result:
    """A comparison: a table, and a panel of the figure that `draw` draws."""

    title: str
    head: list[str]
    rows: list[list[str]]
    draw: Callable[[Axes], None]
    note: str = ""

    def markdown(self) -> str:
        """The table under its title."""
        rule = ["---", *["---:"] * (len(self.head) - 1)]
        lines = [f"| {' | '.join(row)} |" for row in [self.head, rule, *self.rows]]
        return "\n".join([f"## {self.title}", "", *lines, "", self.note]).rstrip()


def interleave(tasks: dict, rounds: int, warm: bool = True) -> dict[str, list]:
    """What the `tasks` return when they are called in turns with the number of the round.

    They are called once before, for nothing, if `warm`.
    """
    if warm:
        for task in tasks.values():
            task(0)
    found = {name: [] for name in tasks}
    for number in range(rounds):
        for name, task in tasks.items():
            found[name].append(task(number))
    return found


def spread(samples) -> str:
    """Median and quartiles, or a single sample as it is."""
    low, middle, high = (
        f"{float(f'{value:.3g}'):g}" for value in np.percentile(samples, [25, 50, 75])
    )
    return f"{middle} [{low}, {high}]" if len(samples) > 1 else middle


def ratio(samples, baseline) -> str:
    """Spread of the quotients within the pairs."""
    return spread(np.divide(samples, baseline))


def notebook(path: Path, wanted: str) -> SimpleNamespace:
    """What the code cells of a notebook define, down to the one that defines the name `wanted`."""
    matplotlib.use("Agg")
    space: dict = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Agg shows no figure, and says so
                exec(cell.source, space)
            plt.close("all")
            if wanted in space:
                return SimpleNamespace(**space)
    raise BookError(f"{path.name}: defines no {wanted}")


def adjoint() -> Result:
    """The adjoint written in the chapter against torchdiffeq's, on networks of the chapter."""
    chapter = notebook(ROOT / "notebooks" / "05-adjoint-method.ipynb", "measure")

    def run(method, tolerance, seed):
        torch.manual_seed(seed)
        net, start = chapter.Net(), torch.randn(64, 2).requires_grad_()
        at, goals = torch.linspace(0, 2, 5).requires_grad_(), torch.randn(5, 64, 2)
        return chapter.measure(method, net, start, at, goals, tolerance)

    rows, ratios = [], []
    for tolerance in TOLERANCES:
        tasks = {
            "library": partial(run, chapter.odeint_adjoint, tolerance),
            "own": partial(run, chapter.solve, tolerance),
        }
        runs = interleave(tasks, 15)
        seconds, gradients, calls = (
            {name: [one[k] for one in found] for name, found in runs.items()}
            for k in range(3)
        )
        gap = max(
            float((own - other).norm() / other.norm())
            for pair in zip(gradients["own"], gradients["library"], strict=True)
            for own, other in zip(*pair, strict=True)
        )
        ratios.append(np.divide(seconds["own"], seconds["library"]))
        rows.append(
            [f"{tolerance:g}"]
            + [spread(np.multiply(1e3, seconds[name])) for name in ["own", "library"]]
            + [spread(ratios[-1])]
            + [spread(np.sum(calls[name], axis=1)) for name in ["own", "library"]]
            + [f"{gap:.1e}"]
        )

    def draw(ax):
        low, middle, high = np.percentile(ratios, [25, 50, 75], axis=1)
        ax.errorbar(
            TOLERANCES, middle, [middle - low, high - middle], fmt="o", capsize=4
        )
        ax.axhline(1, color="black", lw=1, ls="--")
        ax.set(xscale="log", xlabel="tolerance", ylim=(0, None))
        ax.set_ylabel("time, own / torchdiffeq")

    return Result(
        "Own adjoint and torchdiffeq's: forward and backward pass",
        ["tolerance", "own, ms", "torchdiffeq, ms", "own / torchdiffeq", "own, evaluations",
         "torchdiffeq, evaluations", "gradients differ"],
        rows, draw,
        "One network a turn. The difference is the largest, relative, of the gradients for "
        "start, times and weights. It is due to the tolerance.",
    )  # fmt: skip


def regression() -> Result:
    """The lecture's training of both models against those of the chapter, from the same weights."""
    chapter = notebook(ROOT / "notebooks" / "07-regression.ipynb", "SETTINGS")
    x, targets = chapter.x, chapter.targets  # the lecture's ten points

    def run(solver, training, dtype, seed):
        (net,) = chapter.networks(2 if solver else 1, WIDTH, [seed])
        func = chapter.ODEFunc(net)
        model = chapter.ODEBlock(func, **solver) if solver else chapter.ResNet(net)
        model.to(dtype)
        optimiser, steps = training
        updates = optimiser(model.parameters(), lr=RATE)
        begin = perf_counter()
        chapter.train(model, x.to(dtype), targets.to(dtype), updates, steps)
        seconds = perf_counter() - begin
        calls = func.nfe / steps if solver else model.blocks
        exact = chapter.ODEBlock(func, **chapter.TIGHT) if solver else model
        with torch.no_grad():
            return seconds, chapter.mse(exact.double()(x), targets).item(), calls

    usual = LECTURE["training"], LECTURE["dtype"]
    tasks = {"ODE-Net, lecture": partial(run, LECTURE["solver"], *usual)}
    for name, settings in chapter.SETTINGS.items():
        tasks[f"ODE-Net, {name}"] = partial(run, *settings, x.dtype)
    tasks["ResNet, lecture"] = partial(run, None, *usual)
    tasks["ResNet, Adam"] = partial(run, None, chapter.ADAM, x.dtype)
    runs = {name: np.array(found).T for name, found in interleave(tasks, 5).items()}
    rows = []
    for name, (seconds, losses, calls) in runs.items():
        seconds_before, losses_before, _ = runs[f"{name.split(',')[0]}, lecture"]
        rows.append(
            [
                name, spread(seconds), ratio(seconds, seconds_before),
                spread(losses), ratio(losses, losses_before), spread(calls),
            ]
        )  # fmt: skip

    def draw(ax):
        for name, (seconds, losses, _) in runs.items():
            at, ours = np.median([seconds, losses], axis=1), "lecture" not in name
            mark, up = ("o", 6) if "ODE" in name else ("s", -14)
            ax.plot(*at, mark, mfc=None if ours else "white")
            ax.annotate(
                name, at, (0, up), textcoords="offset points", ha="center", fontsize=8
            )
        ax.margins(0.25)
        ax.set(xscale="log", yscale="log", xlabel="time of a training (s)")
        ax.set_ylabel("loss reached")

    return Result(
        "The lecture's regression and the chapter's",
        ["run", "time, s", "against the lecture's", "loss", "against the lecture's",
         "evaluations a pass"],
        rows, draw,
        "The lecture's run: its settings, in single precision, with the chapter's classes. One "
        "initialisation a turn; the loss is that of the solution, not of the solver.",
    )  # fmt: skip


@contextmanager
def project(times: int = 1) -> Iterator[Path]:
    """A temporary copy of what the book is made of, with every notebook `times` times."""
    with tempfile.TemporaryDirectory() as name:
        copy_sources(ROOT, Path(name))
        multiply(Path(name), times)
        yield Path(name)


def multiply(root: Path, times: int) -> None:
    """Embed every notebook of a project `times` times, under labels and names of its own."""
    sources = {
        path.stem: path.read_text(encoding="utf-8")
        for path in (root / "notebooks").glob("*.ipynb")
    }
    defined = rf"(?:\{{#|#\| label: )({LABEL}[\w-]+)"
    labels = "|".join(set(re.findall(defined, "".join(sources.values()))))
    label = re.compile(rf"(?<![\w-])(?:{labels})(?![\w-])")
    numbers = range(2, times + 1)
    for number, (stem, text) in product(numbers, sources.items()):
        copy = root / "notebooks" / f"{stem}-copy{number}.ipynb"
        copy.write_text(label.sub(rf"\g<0>-copy{number}", text), encoding="utf-8")
    for chapter in (root / "chapters").glob("*.qmd"):
        lines = []
        for line in chapter.read_text(encoding="utf-8").splitlines():
            lines.append(line)
            if line.startswith("{{< embed "):
                for number in numbers:
                    lines += ["", line.replace(".ipynb", f"-copy{number}.ipynb")]
        # What only the chapter refers to has to be referred to in each copy.
        names = sorted(set(re.findall(rf"@(?:{labels})(?![\w-])", "\n".join(lines))))
        lines += [
            "",
            *(f"{name}-copy{number}" for number, name in product(numbers, names)),
        ]
        chapter.write_text("\n".join(lines) + "\n", encoding="utf-8")


def command(*arguments: str | Path, cwd: Path = ROOT) -> tuple[float, str]:
    """Seconds that `python -m …` takes, and what it prints; raises BookError if it fails."""
    begin = perf_counter()
    run = [sys.executable, "-m", *arguments]
    done = subprocess.run(run, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise BookError(f"{arguments[0]}: failed", done.stdout + done.stderr)
    return perf_counter() - begin, done.stdout


def build(root: Path, _round: int) -> dict[str, float]:
    """Seconds of a build of the project at `root`, in all and of its stages."""
    return json.loads(command("benchmarks.stages", root)[1])


def building() -> Result:
    """The time of `python -m render`, and of the stages of a build."""
    with project() as root:
        shutil.copytree(ROOT / "render", root / "render")
        tasks = {
            "python -m render": lambda _: command("render", cwd=root)[0],
            "stages": partial(build, root),
        }
        runs = interleave(tasks, 5)
    seconds = {"python -m render": runs["python -m render"]}
    for name in ["build", *STAGES]:
        seconds[name] = [one[name] for one in runs["stages"]]
    names = list(seconds)[::-1]

    def draw(ax):
        ax.barh(names, [np.median(seconds[name]) for name in names])
        ax.set(xlabel="time (s); the three writers run side by side")

    return Result(
        "The build",
        ["what", "time, s"],
        [[f"`{name}`", spread(samples)] for name, samples in seconds.items()],
        draw,
        "`build` is the same without the start of Python. Its writers run side by side.",
    )


def suite() -> Result:
    """The whole suite with one worker and with two, once each."""
    options = ["-q", "--dist", "loadscope", "-n"]
    tasks = {
        count: lambda _, count=count: command("pytest", *options, count)[0]
        for count in ["1", "2"]
    }
    runs = interleave(tasks, 1, warm=False)

    def draw(ax):
        ax.bar(list(runs), [found[0] for found in runs.values()], width=0.5)
        ax.set(xlabel="workers", ylabel="time of the suite (s)")

    return Result(
        "The suite",
        ["workers", "time, s", "against one"],
        [[count, spread(found), ratio(found, runs["1"])] for count, found in runs.items()],
        draw,
    )  # fmt: skip


def weigh(page: Path) -> tuple[float, float]:
    """What a page asks for at once, gzipped, and its figures, in kB."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    for preview in soup.find_all("template"):  # asks for nothing before it is shown
        preview.decompose()
    links = soup.select("link[href], script[src]")
    files = {page.name, *(link.get("href") or link["src"] for link in links)}
    view = sum(len(gzip.compress((page.parent / file).read_bytes())) for file in files)
    images = {image["src"] for image in soup.find_all("img")}
    figures = sum((page.parent / image).stat().st_size for image in images)
    return view / 1000, figures / 1000


def weight() -> Result:
    """What a reader downloads."""
    with project() as root:
        build(root, 0)
        folder = root / "_book"
        pages = {page.stem: weigh(page) for page in sorted(folder.glob("*.html"))}
        sizes = {
            path.relative_to(folder).as_posix(): path.stat().st_size / 1000
            for path in folder.rglob("*")
            if path.is_file()
        }
    total = {
        "search, when asked for": sum(
            size for name, size in sizes.items() if "search" in name
        ),
        "PDF": sizes["neural-odes.pdf"],
        "EPUB": sizes["neural-odes.epub"],
        "everything": sum(sizes.values()),
    }
    rows = [
        [name, f"{view:.0f}", f"{view / VIEW:.0%}", f"{view + figures:.0f}"]
        for name, (view, figures) in pages.items()
    ] + [[name, "", "", f"{size:.0f}"] for name, size in total.items()]

    def draw(ax):
        names = list(pages)[::-1]
        ax.barh(names, [pages[name][0] for name in names])
        ax.axvline(VIEW, color="black", lw=1, ls="--")
        ax.tick_params(axis="y", labelsize=7)
        ax.set(xlabel=f"first view, gzipped (kB); dashed: the limit of {VIEW}")

    over = [name for name, (view, _) in pages.items() if view > VIEW]
    return Result(
        "What a reader downloads",
        ["page", "first view, kB", f"of {VIEW} kB", "with figures, kB"],
        rows, draw,
        "HTML, style and script are gzipped, figures and the last four rows are not. "
        f"Above the limit: {', '.join(over) or 'none'}.",
    )  # fmt: skip


def growth() -> Result:
    """The time of a build of books with one, two and four copies of every notebook."""
    with ExitStack() as stack:
        tasks = {
            str(times): partial(build, stack.enter_context(project(times)))
            for times in COPIES
        }
        runs = interleave(tasks, 3)
    count = COPIES * len(list((ROOT / "notebooks").glob("*.ipynb")))
    seconds = np.array([[one["build"] for one in found] for found in runs.values()])
    slope, start = np.polyfit(count, seconds, 1)
    exponent = np.polyfit(np.log(count), np.log(seconds), 1)[0]
    middle = np.median(seconds, axis=1)

    def draw(ax):
        ax.plot(count, middle, "o")
        ax.plot(count, np.median(start) + np.median(slope) * count, "--")
        ax.set(xlabel="notebooks", ylabel="time of a build (s)", xlim=0, ylim=0)

    return Result(
        "Growth of the build",
        ["notebooks", "time, s", "a notebook, s"],
        [[str(n), spread(s), spread(s / n)] for n, s in zip(count, seconds, strict=True)],
        draw,
        f"Line: {spread(start)} s and {spread(slope)} s a notebook. "
        f"Power law: exponent {spread(exponent)}.",
    )  # fmt: skip


BENCHMARKS = {
    "adjoint": adjoint,
    "regression": regression,
    "build": building,
    "weight": weight,
    "growth": growth,
    "suite": suite,
}


def machine() -> str:
    """What the figures were measured on."""
    info = Path("/proc/cpuinfo")  # elsewhere Python knows the name
    names = (
        re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    )
    return (
        f"{(names or [platform.processor()])[0]}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} at the start; Python {platform.python_version()}, "
        f"torch {version('torch')}, torchdiffeq {version('torchdiffeq')}"
    )


def measure(chosen: list[str]) -> list[Result]:
    """What the chosen benchmarks find; each writes the table anew."""
    parts, results = [f"# Measured\n\n{machine()}."], []
    print(parts[0], flush=True)
    TARGET.mkdir(exist_ok=True)
    notebook(ROOT / "notebooks" / "00-opening.ipynb", "GREY")  # the figures' style
    for name in chosen:
        results.append(BENCHMARKS[name]())
        parts.append(results[-1].markdown())
        print(f"\n{parts[-1]}", flush=True)
        text = "\n\n".join(parts) + "\n"
        (TARGET / "results.md").write_text(text, encoding="utf-8")
    return results


def draw(results: list[Result]) -> None:
    """The figure, with a panel a result."""
    plt.rcParams["axes.axisbelow"] = True
    rows = -(-len(results) // 2)
    figure, axes = plt.subplots(
        rows, 2, figsize=(11, 3.8 * rows), squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(results) :]:
        ax.remove()
    for ax, result in zip(axes.flat, results, strict=False):
        result.draw(ax)
        ax.set_title(result.title, loc="left", fontsize=10)
    figure.savefig(TARGET / "results.svg")


def main(chosen: list[str]) -> int:
    """Run the chosen benchmarks, or all; 0 if they ran. What they measured is in `_bench`."""
    unknown = sorted(set(chosen) - set(BENCHMARKS))
    if unknown:
        print(
            f"bench  no {unknown[0]}; there is {', '.join(BENCHMARKS)}", file=sys.stderr
        )
        return 2
    names = chosen or list(BENCHMARKS)
    return status(
        lambda: draw(measure(names)), "interrupted; _bench holds what was measured"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
