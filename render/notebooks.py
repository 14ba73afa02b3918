"""The form that every notebook has to have, and how it is brought into it."""

import ast
import base64
import io
import json
import re
from pathlib import Path

import nbformat
from PIL import Image

from render import BookError

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = {"tags"}
LINE_LENGTH = 88  # characters of code or output, what the printed page holds
FIGURE_BYTES = 120_000
EXPLORER_BYTES = 12_000
OUTPUT_BYTES = 20_000
STORED_PATH = re.compile(r"/(?:home|Users|root|tmp|content)/|[A-Z]:\\Users")


def read(path: Path, name: str) -> nbformat.NotebookNode:
    """The notebook at `path`; raises BookError, which calls it `name`, if it is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BookError(f"{name}: cannot be read: {error}") from error
    try:
        json.loads(text)  # for an error that says where
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except json.JSONDecodeError as error:
        what = "is empty" if not text.strip() else "is not valid JSON"
        raise BookError(f"{name}: {what} (line {error.lineno}: {error.msg})") from error
    except Exception as error:  # nbformat raises what its schema library does
        first = str(error).strip().splitlines()[0]
        raise BookError(f"{name}: is not a notebook: {first}") from error
    return notebook


def _smaller(png: str) -> str:
    """The same image, base64 as before, in 256 colours: a third of the size, and no visible loss."""
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    if image.mode != "P":
        image = image.convert("RGB").quantize(256)
    packed = io.BytesIO()
    image.save(packed, "PNG", optimize=True)
    return base64.b64encode(packed.getvalue()).decode("ascii")


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Drop, in place, what differs between machines and runs, and pack the figures."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        )
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = _smaller(data["image/png"])


def problems(path: Path, name: str) -> list[str]:
    """What is wrong with the form of the notebook at `path`, one line a problem."""
    try:
        notebook = read(path, name)
    except BookError as error:
        return list(error.lines)
    found = []
    if notebook.metadata != METADATA:
        found.append(
            f"{name}: metadata beside the kernel's name; `make run` removes it"
        )
    count = 0
    for number, cell in enumerate(notebook.cells, start=1):
        place = f"{name}, cell {number}"
        if set(cell.metadata) - CELL_METADATA:
            found.append(f"{place}: metadata beside tags; `make run` removes it")
        if cell.cell_type == "raw":
            found.append(f"{place}: a raw cell; use Markdown or code")
        if cell.cell_type == "code":
            count += 1
            found += [f"{place}: {what}" for what in _code_problems(cell, count)]
    return found


def _code_problems(cell: nbformat.NotebookNode, count: int) -> list[str]:
    found = []
    if cell.execution_count is None:
        found.append("is not executed; `make run` does it")
    elif cell.execution_count != count:
        found.append(
            f"is executed out of order, {cell.execution_count} instead of {count}"
        )
    lines = [line for line in cell.source.splitlines() if not line.startswith("#|")]
    if any(len(line) > LINE_LENGTH for line in lines):
        found.append(f"a line of code is longer than {LINE_LENGTH} characters")
    found += _check_problems(cell.source)
    for output in cell.outputs:
        found += _output_problems(output)
    return found


def _check_problems(source: str) -> list[str]:
    if not re.search(r"^#\| *checks:", source, re.MULTILINE):
        return []
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [f"is not valid Python: {error.msg}"]
    if any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        return []
    return ["checks a statement without an assert"]


def _output_problems(output: nbformat.NotebookNode) -> list[str]:
    if output.output_type == "error":
        return [f"stores an exception, {output.ename}: {output.evalue}".splitlines()[0]]
    if output.output_type == "stream":
        if output.name == "stderr":
            return ["writes to stderr: " + output.text.strip().split("\n")[0]]
        return _text_problems(output.text)
    found = []
    for kind, content in output.data.items():
        if kind == "image/png":
            size = len(content) * 3 // 4
            if size > FIGURE_BYTES:
                found.append(
                    f"a figure of {size // 1000} kB; {FIGURE_BYTES // 1000} kB at most"
                )
        elif kind == "text/plain":
            found += _text_problems(content)
        elif kind == "text/html" and "image/png" in output.data:
            found += _explorer_problems(content)
        else:
            found.append(
                f"an output of type {kind}; only text and PNG are printed everywhere"
            )
    return found


def _explorer_problems(html: str) -> list[str]:
    size, found = len(html.encode()), []
    if size > EXPLORER_BYTES:
        found.append(
            f"an explorer of {size // 1000} kB; {EXPLORER_BYTES // 1000} kB at most"
        )
    if re.search(r"https?:|\bsrc\b|@import|url\(|\bimport\b|fetch\(", html):
        found.append("an explorer that asks the network for something")
    return found


def _text_problems(text: str) -> list[str]:
    if len(text) > OUTPUT_BYTES:
        return [
            f"an output of {len(text) // 1000} kB; {OUTPUT_BYTES // 1000} kB at most"
        ]
    found = []
    if any(len(line) > LINE_LENGTH for line in text.splitlines()):
        found.append(f"a line of output is longer than {LINE_LENGTH} characters")
    if STORED_PATH.search(text):
        found.append("an output holds a path of the machine it ran on")
    return found
