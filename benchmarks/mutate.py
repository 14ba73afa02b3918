"""Plant faults in the notebooks and see whether their own cells catch them.

`python -m benchmarks.mutate [NOTEBOOK…]`. Each fault is a task for Dask: on this machine, or on the
cluster whose scheduler DASK_SCHEDULER names. Its workers need the packages of requirements.txt, not
this project. Results are kept in _mutate/results.jsonl, so an interrupted run goes on where it was.
"""

import argparse
import hashlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import nbformat
from distributed import Client, KilledWorker, as_completed
from rich.progress import track

from benchmarks.faults import Fault, choose, places
from render import ROOT, BookError, status
from render.notebooks import read

OUTPUT = ROOT / "_mutate"
EQUIVALENT = ROOT / "benchmarks" / "equivalent.toml"
ENOUGH = 95  # per cent of the faults have to be caught
SOUND = "sound"  # what stands for the kind of fault if there is none
SOUND_LIMIT = 1800  # seconds for a notebook without a fault


def limit(seconds: float) -> float:
    """Seconds after which a run hangs, if the notebook without a fault takes `seconds`."""
    return 60 + 5 * seconds


@dataclass(frozen=True)
class Task:
    """A notebook's text, with a fault or without, to be run under the name `name`."""

    id: str
    name: str
    text: str
    limit: float
    key: str


def trial(name: str, text: str, limit: float) -> dict:
    """Run nbval on the notebook `text` alone in an empty folder, for `limit` seconds at most.

    Returns whether a cell failed (`caught`), which code cell (`nth`, from 0; None if it hangs),
    `why` (an exception's name, "output" or "hang"; None if all passed), and `seconds`. Raises
    RuntimeError if nbval could not do its work. It has to run where this project is not.
    """
    # pytest ends with the worker, at whose end the pipe closes; the kernel ends with pytest.
    # Matplotlib, new on a machine, complains to stderr while it lists the fonts: let it do so first.
    watched = (
        "import os, sys, threading, matplotlib.font_manager, pytest\n"
        "pipe = os.fdopen(os.dup(0))\n"
        "end = lambda: (pipe.read(), os._exit(3))\n"
        "threading.Thread(target=end, daemon=True).start()\n"
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    options = ["--nbval", "--nbval-current-env", "-q", "-x", "-p", "no:cacheprovider"]
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("PYTEST")
    }
    environment |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "MKL")}
    hangs, start = False, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        Path(folder, f"{name}.ipynb").write_text(text, encoding="utf-8")
        with (
            log.open("w") as stream,
            subprocess.Popen(
                [sys.executable, "-c", watched, *options, f"{name}.ipynb"],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                hangs = True  # leaving the block closes the pipe
        printed = re.sub(r"\x1b\[[\d;]*m", "", log.read_text(errors="replace"))
    seconds = round(time.monotonic() - start, 1)
    if hangs:
        return {"caught": True, "nth": None, "why": "hang", "seconds": seconds}
    if process.returncode == 0:
        return {"caught": False, "nth": None, "why": None, "seconds": seconds}
    failed = re.search(r"^FAILED .*::Cell (\d+)", printed, re.MULTILINE)
    if process.returncode != 1 or failed is None:
        last = (printed.strip().splitlines() or ["it printed nothing"])[-1]
        raise RuntimeError(f"nbval ended with status {process.returncode}: {last}")
    exception = re.search(r"^(\w+) +Traceback \(most", printed, re.MULTILINE)
    why = exception[1] if exception else "output"
    return {"caught": True, "nth": int(failed[1]), "why": why, "seconds": seconds}


def place(text: str, nth: int | None) -> str:
    """Where a notebook's code cell is, counted (from 0) as nbval does: ", cell 4", of all from 1."""
    if nth is None:
        return ""
    cells = enumerate(json.loads(text)["cells"], start=1)
    code = [number for number, cell in cells if cell["cell_type"] == "code"]
    return f", cell {code[nth]}"


def stored(path: Path) -> dict[str, dict]:
    """What earlier runs found, by the task's key; a line that broke off is left out."""
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            result = json.loads(line)
        except json.JSONDecodeError:
            continue
        known[result.pop("key")] = result
    return known


def results(client: Client, tasks: list[Task], path: Path) -> dict[str, dict]:
    """What `trial` returns for each task, by its id: found in the file `path`, or put there.

    Raises BookError if a task cannot be run, or fails without a fault.
    """
    known = stored(path)
    found = {task.id: known[task.key] for task in tasks if task.key in known}
    left = {task.key: task for task in tasks if task.key not in known}
    futures = [
        client.submit(trial, task.name, task.text, task.limit, key=key)
        for key, task in left.items()
    ]
    finished = as_completed(futures, with_results=True, raise_errors=False)
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for future, result in track(finished, f"{len(tasks)} runs", len(futures)):
            task = left[future.key]
            if future.status != "finished":
                raise BookError(f"{task.name}: {task.id}: {_trouble(future)}")
            if result["caught"] and task.id.endswith(SOUND):
                where = task.name + place(task.text, result["nth"])
                raise BookError(f"{where}: fails without a fault: {result['why']}")
            # A line of its own, whatever an earlier run broke off in.
            file.write("\n" + json.dumps({"key": task.key} | result))
            file.flush()
            found[task.id] = result
    return found


def _trouble(future) -> str:
    error = future.exception()
    if isinstance(error, KilledWorker):
        return "its worker was lost again and again"
    return str(error)


@dataclass(frozen=True)
class Section:
    """A notebook, the faults chosen for it, and the ids of all that it can have."""

    name: str
    text: str
    notebook: nbformat.NotebookNode
    faults: list[Fault]
    ids: set[str]

    @classmethod
    def of(cls, path: Path, count: int, seed: int) -> "Section":
        """Read the notebook at `path` and choose at most `count` faults."""
        notebook = read(path, str(path))
        found = places(notebook, path.stem.split("-")[0])
        faults = choose(notebook, found, count, seed)
        text = path.read_text(encoding="utf-8")
        return cls(path.stem, text, notebook, faults, {place.id for place in found})

    def task(self, fault: Fault | None, limit: float) -> Task:
        """The run with this fault, or with none."""
        name, text = f"{self.name}-{SOUND}", self.text
        if fault is not None:
            name, spoiled = fault.id, deepcopy(self.notebook)
            spoiled.cells[fault.cell - 1].source = fault.source
            text = nbformat.writes(spoiled)
        # A result outlives what changes in the prose alone.
        code = [cell for cell in self.notebook.cells if cell.cell_type == "code"]
        digest = hashlib.sha256(json.dumps(code).encode()).hexdigest()[:16]
        return Task(name, self.name, text, limit, f"{name}-{digest}")


def run(client: Client, sections: list[Section], path: Path) -> dict[str, dict]:
    """Run every notebook without a fault, and then with each of its faults; results by id."""
    sound = [section.task(None, SOUND_LIMIT) for section in sections]
    passed = results(client, sound, path)
    tasks = [
        section.task(fault, limit(passed[task.id]["seconds"]))
        for section, task in zip(sections, sound, strict=True)
        for fault in section.faults
    ]
    return results(client, tasks, path)


def equivalent() -> dict[str, str]:
    """Why a fault is none, by its id, as a person found out."""
    try:
        return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BookError(f"{EQUIVALENT.relative_to(ROOT)}: {error}") from error


class Report:
    """What was caught and what was not, as Markdown."""

    def __init__(
        self, sections: list[Section], found: dict[str, dict], reasons: dict[str, str]
    ) -> None:
        self.found, self.reasons, self.sections = found, reasons, sections
        faults = [(section, fault) for section in sections for fault in section.faults]
        self.by_outcome = {
            outcome: [pair for pair in faults if self.outcome(pair[1]) == outcome]
            for outcome in ("caught", "survived", "equivalent")
        }

    def outcome(self, fault: Fault) -> str:
        """What became of a fault; an equivalent one that is caught is none."""
        if self.found[fault.id]["caught"]:
            return "caught"
        return "equivalent" if fault.id in self.reasons else "survived"

    @property
    def verdict(self) -> str:
        """How many faults were caught, in one line."""
        caught, survived, spared = map(len, self.by_outcome.values())
        return (
            f"{caught} of {caught + survived} faults caught ({self.share:.1f} %; "
            f"{ENOUGH} % are asked for), {spared} equivalent ones left out"
        )

    @property
    def share(self) -> float:
        """Per cent of the faults that were caught, without equivalent ones."""
        caught, survived, _ = map(len, self.by_outcome.values())
        return 100 * caught / max(caught + survived, 1)

    def stale(self) -> list[str]:
        """What is no longer true of the list of equivalent faults, one line an entry."""
        lines = []
        every = set().union(*(section.ids for section in self.sections))
        numbers = {section.name.split("-")[0] for section in self.sections}
        for name in self.reasons:
            if name.split("-")[0] in numbers and name not in every:
                lines.append(f"`{name}` is listed as equivalent, but is no more")
            elif name in self.found and self.found[name]["caught"]:
                lines.append(f"`{name}` is listed as equivalent, but is caught")
        return lines

    def _table(self, head: str, groups: dict[str, list[Fault]]) -> list[str]:
        lines = [
            f"| {head} | faults | caught | survived | equivalent |",
            "|---|--:|--:|--:|--:|",
        ]
        for name, faults in groups.items():
            count = Counter(self.outcome(fault) for fault in faults)
            numbers = [len(faults), *(count[outcome] for outcome in self.by_outcome)]
            lines.append(" | ".join(["| " + name, *map(str, numbers)]) + " |")
        return [*lines, ""]

    def _described(self, section: Section, fault: Fault) -> list[str]:
        lines = [f"`{fault.id}`, {section.name}, cell {fault.cell}"]
        result = self.found[fault.id]
        if result["caught"]:
            lines[0] += (
                f": caught by {result['why']}{place(section.text, result['nth'])}"
            )
            lines[0] += f", {result['seconds']:.0f} s"
        elif fault.id in self.reasons:
            lines[0] += f": {self.reasons[fault.id]}"
        diff = [f"- {line}" for line in fault.before.splitlines()]
        diff += [f"+ {line}" for line in fault.after.splitlines()]
        return [*lines, "", "```diff", *diff, "```", ""]

    def text(self, *outcomes: str) -> str:
        """The report, with the faults of these outcomes one by one."""
        kinds: dict[str, list[Fault]] = {}
        for section in self.sections:
            for fault in section.faults:
                kinds.setdefault(fault.kind, []).append(fault)
        lines = ["# Mutation testing", "", self.verdict + ".", ""]
        lines += self._table(
            "notebook", {part.name: part.faults for part in self.sections}
        )
        lines += self._table("kind", dict(sorted(kinds.items())))
        for outcome in outcomes:
            if self.by_outcome[outcome]:
                lines += [f"## {outcome.capitalize()}", ""]
                for pair in self.by_outcome[outcome]:
                    lines += self._described(*pair)
        if stale := self.stale():
            lines += ["## Stale entries", "", *(f"- {line}" for line in stale), ""]
        return "\n".join(lines)


def cluster() -> Client:
    """The cluster at DASK_SCHEDULER, or one of this machine's cores that ends with the client."""
    address = os.environ.get("DASK_SCHEDULER")
    if address:
        try:
            return Client(address)
        except (OSError, ValueError) as error:
            raise BookError(f"DASK_SCHEDULER: no scheduler at {address}") from error
    # In a terminal Ctrl-C reaches the workers, too; they leave it to the client, and end with it.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return Client(
            processes=True,
            threads_per_worker=1,
            dashboard_address=":0",
            silence_logs=logging.ERROR,
        )
    finally:
        signal.signal(signal.SIGINT, handler)


def main() -> int:
    """Do what the command line asks for; 0 if enough is caught."""
    parser = argparse.ArgumentParser(description="Plant faults in the notebooks.")
    parser.add_argument("--seed", type=int, default=0, help="another choice of faults")
    parser.add_argument("--faults", type=int, default=10, help="how many a notebook")
    parser.add_argument("notebooks", nargs="*", type=Path, help="all, if none is named")
    arguments = parser.parse_args()
    paths = arguments.notebooks or sorted((ROOT / "notebooks").glob("*.ipynb"))

    def work() -> int:
        reasons = equivalent()
        sections = [
            Section.of(path, arguments.faults, arguments.seed) for path in paths
        ]
        with cluster() as client:
            found = run(client, sections, OUTPUT / "results.jsonl")
        report = Report(sections, found, reasons)
        (OUTPUT / "report.md").write_text(
            report.text("survived", "equivalent", "caught"), encoding="utf-8"
        )
        print(report.text("survived", "equivalent"))
        print(f"mutate: {report.verdict}; see _mutate/report.md")
        return 0 if report.share >= ENOUGH else 1

    return status(work, "interrupted; the next run goes on from here")


if __name__ == "__main__":
    sys.exit(main())
