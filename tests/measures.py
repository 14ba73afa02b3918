"""The numbers in the prose of notebooks, and the cells that print, assert or use them.

Prose is what stands in Markdown cells and in captions. It has no marks. A number that looks
measured (`0.26`, `5 %`, `$3 \\cdot 10^{-5}$`, `460`, `4 times`) has to be found, rounded as the
prose rounds it, in a code cell near it. Single digits, years, exponents, indices and fractions are
left alone, and so are statements, proofs, exercises and displayed formulas; a sentence that cites
or links a source has its numbers from there.
"""

import ast
import math
import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import nbformat
import yaml

REACH = 1  # Markdown cells, at most, between a number and its code cell
SETUP = 2  # code cells at the beginning, the same in all notebooks
MARGIN = 1.25  # the largest quotient of two bounds that still tell a number
WHOLE = re.compile(r"^## |^### Summary", re.MULTILINE)  # prose on a whole notebook

STATED = re.compile(r"\{#(?:def|thm|lem|cor|prp|exr)-|\{\.proof\}")
LABEL = re.compile(
    r"(?<=\{#)(?:sec|eq|fig|tbl|exm)-[\w-]+|^#\| *(?:label|checks):(?P<code>.*)$",
    re.MULTILINE,
)
CAPTION = re.compile(r"^#\| *fig-cap: *(.*)$", re.MULTILINE)
REFERENCE = re.compile(r"(?<!\w)@([A-Za-z][\w-]*)")
OURS = re.compile(r"(?:sec|eq|fig|tbl|def|thm|lem|cor|prp|exm|exr)-")
UNREAD = re.compile(
    r"\$\$.*?\$\$|^#.*?$|^```.*?^```|`[^`\n]+`|\{#[^}]*\}"  # not prose
    r"|\\(?:[dt]?frac|binom) *(?:\{[^{}]*\}|\d) *(?:\{[^{}]*\}|\d)"
    r"|(?<!10)[\^_]\{[^{}]*\}"  # exponents and indices
    r"|\[[^\]]*\]\([^)]*\)",  # links
    re.MULTILINE | re.DOTALL,
)
SENTENCE = re.compile(
    r"(?<=[.?!])[)*”]*\s+(?=[A-Z*(“$`])|\n\s*\n(?!: )|\n(?=- |\d+\. )"
)
GAP = r"(?:\\[, ]|[ \u00a0\u2009\u202f])"
PERCENT = rf"{GAP}*(?:\\?%|per{GAP}cent)"
NUMBER = re.compile(
    rf"""(?<![\w.^_#])(?<![A-Za-z]-)
    (?: (?: (?<!\\cdot\ )(?P<mantissa>\d+(?:\.\d+)?)\s*\\(?:cdot|times)\s* )?
        10\^(?: \{{(?P<power>-?\d+)\}} | (?P<digit>\d) )
      | (?P<plain>\d{{1,3}}(?:(?:,|{GAP})\d{{3}})+(?!\d) | \d+(?:\.\d+)?) (?!\w|\.\d)
        (?P<percent>{PERCENT} | (?=(?:\ to\ |\ and\ |–)\d+(?:\.\d+)?{PERCENT}))?
        (?P<times>\$?\ times\b)? (?!\$?\ degrees|\^\\circ) )""",
    re.VERBOSE,
)
YEAR = re.compile(r"1[89]\d\d|20[0-3]\d")
PRINTED = re.compile(
    r"10\^(?P<power>-?\d+)|(?<![\w.])\d+(?:[,_ ]\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?"
)
FIGURE = re.compile(r"<Figure.*?>")
DRAWING = re.compile(r"plt|fig|ax|axes")
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


@dataclass
class Evidence:
    """The numbers of a code cell, without their signs."""

    printed: list[float]
    asserted: list[float]
    between: list[tuple[float, float]]  # two bounds of one asserted quantity
    used: list[float]


@dataclass
class Measure:
    """A number in the prose, with its sentence and what was found of it."""

    text: str
    value: float
    unit: float  # of the last digit that counts
    percent: bool
    sentence: str
    verdict: str = "untied"  # or printed, asserted, used (by a cell), cited


def constant(node: ast.AST) -> float | None:
    """The value of a number, or of an expression of numbers; None of all else."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = constant(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = constant(node.left), constant(node.right)
        if left is not None and right is not None:
            try:
                value = OPERATORS[type(node.op)](left, right)
            except (OverflowError, ZeroDivisionError):
                return None
            return value if isinstance(value, float) else None  # not complex
    return None


def constants(node: ast.AST) -> Iterator[float]:
    """The constants in a piece of code, apart from those that only say how to draw."""
    root = node
    while isinstance(root, ast.Call | ast.Attribute | ast.Subscript):
        root = root.func if isinstance(root, ast.Call) else root.value
    if isinstance(node, ast.Call) and isinstance(root, ast.Name):
        if DRAWING.fullmatch(root.id):
            return
    value = constant(node)
    if value is not None:
        yield abs(value)
    if isinstance(node, ast.Constant) and isinstance(node.value, complex):
        yield abs(node.value)
    for child in ast.iter_child_nodes(node):
        yield from constants(child)


def bounds(test: ast.AST) -> Iterator[tuple[float, float]]:
    """The constants of every `low < x < high` that leaves little room between them."""
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and len(node.comparators) == 2:
            ends = constant(node.left), constant(node.comparators[1])
            if None not in ends:
                low, high = sorted(map(abs, ends))
                if 0 < high <= MARGIN * low:
                    yield low, high


def printed(cell: nbformat.NotebookNode) -> Iterator[float]:
    """The numbers in the stored text of a code cell."""
    for output in cell.outputs:
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        for found in PRINTED.finditer(FIGURE.sub("", text)):
            if found["power"]:
                yield 10.0 ** int(found["power"])
            else:
                yield float(re.sub("[,_ ]", "", found[0]))


def evidence(cell: nbformat.NotebookNode) -> Evidence:
    """The numbers that the output and the code of a cell hold."""
    tree = ast.parse(cell.source)
    tests = [node.test for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    return Evidence(
        list(printed(cell)),
        [value for test in tests for value in constants(test)],
        [pair for test in tests for pair in bounds(test)],
        list(constants(tree)),
    )


def surroundings(notebook: nbformat.NotebookNode) -> list[list[Evidence]]:
    """For each cell of a notebook, what stands near it.

    Near are the code cells from which at most REACH Markdown cells separate it; a Markdown cell
    on the whole notebook has besides what all code cells print and assert.
    """
    says, place, before = {}, [], 0
    code = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for number, cell in enumerate(notebook.cells):
        before += cell.cell_type == "markdown"
        place.append(before + 0.5 * (cell.cell_type == "code"))
        if number in code[SETUP:]:
            says[number] = evidence(cell)
    near = []
    for number, cell in enumerate(notebook.cells):
        markdown = cell.cell_type == "markdown"
        reach = REACH + 0.5 * markdown
        close = [j for j in says if abs(place[j] - place[number]) <= reach]
        near.append([says[j] for j in close])
        if markdown and WHOLE.search(cell.source):
            near[-1] += [replace(x, used=[]) for j, x in says.items() if j not in close]
    return near


def prose(cell: nbformat.NotebookNode) -> str:
    """A Markdown cell, or the caption of a code cell's figure."""
    if cell.cell_type == "markdown":
        return cell.source
    found = CAPTION.search(cell.source)
    return yaml.safe_load(found[1]) if found else ""


def blank(found: re.Match) -> str:
    """As many blanks as there were characters, with the line breaks."""
    return re.sub(r"[^\n]", " ", found[0])


def running(source: str) -> str:
    """A Markdown cell with blanks for statements, proofs and exercises."""
    lines, stack = [], []
    for line in source.splitlines(keepends=True):
        if re.match(r":::+ *\{", line):
            stack.append(bool(STATED.search(line)))
        hidden = any(stack) or line.startswith(":::")
        lines.append(re.sub(r"[^\n]", " ", line) if hidden else line)
        if re.match(r":::+ *$", line) and stack:
            stack.pop()
    return "".join(lines)


def sentences(source: str) -> Iterator[tuple[str, str]]:
    """The sentences of Markdown: as written, and with blanks for what is not read."""
    text = running(source)
    read = UNREAD.sub(blank, text)
    start = 0
    for end in [*(gap.end() for gap in SENTENCE.finditer(read)), len(read)]:
        yield text[start:end], read[start:end]
        start = end


def numbers(sentence: str, read: str) -> Iterator[Measure]:
    """The numbers of a sentence that look measured."""
    for found in NUMBER.finditer(read):
        digits = re.sub(rf",|{GAP}", "", found["plain"] or found["mantissa"] or "1")
        power = int(found["power"] or found["digit"] or 0)
        whole, _, decimals = digits.partition(".")
        value, last = float(f"{digits}e{power}"), power - len(decimals)
        if found["plain"] and not decimals:
            in_formula = read[: found.start()].count("$") % 2
            if len(whole) == 1 and not found["percent"] and not found["times"]:
                continue
            if YEAR.fullmatch(found[0]) and int(whole) % 100 and not in_formula:
                continue
            # Zeros at the end need not count, but two digits do.
            last = min(len(whole) - len(whole.rstrip("0")), max(len(whole) - 2, 0))
        yield Measure(
            found[0].strip(" $"),
            value,
            10.0**last,
            bool(found["percent"]),
            " ".join(sentence.split()),
        )


def forms(measure: Measure) -> Iterator[tuple[float, float]]:
    """The values as which code may hold a number, each with the unit of its last digit."""
    if measure.text.startswith("10^"):  # a bound; "by a factor of 10^8" is "to 1e-8"
        yield measure.value, 0
        yield 1 / measure.value, 0
    else:
        yield measure.value, measure.unit
    if measure.percent:
        yield measure.value / 100, measure.unit / 100


def verdict(measure: Measure, cells: list[Evidence]) -> str:
    """What the cells make of a number; outputs and assertions come first."""
    for what in "printed", "asserted":
        found = [x for cell in cells for x in getattr(cell, what)]
        for value, unit in forms(measure):
            if any(abs(x - value) <= unit / 2 + 1e-9 * value for x in found):
                return what
    pairs = [pair for cell in cells for pair in cell.between]
    used = [x for cell in cells for x in cell.used]
    for value, _ in forms(measure):
        if any(low <= value <= high for low, high in pairs):
            return "asserted"
    # A plain constant says nothing about a share, except as the fraction that code computes with.
    exact = [value for value, _ in forms(measure)][measure.percent :]
    if any(math.isclose(x, value) for x in used for value in exact):
        return "used"
    return "untied"


@dataclass
class Chapter:
    """The notebooks of a chapter, by name, with what stands near each cell and label."""

    notebooks: dict[str, nbformat.NotebookNode]
    near: dict[str, list[list[Evidence]]] = field(init=False)
    labels: dict[str, list[Evidence]] = field(init=False)

    def __post_init__(self):
        self.near = {name: surroundings(nb) for name, nb in self.notebooks.items()}
        self.labels = {}
        for name, notebook in self.notebooks.items():
            for cell, near in zip(notebook.cells, self.near[name], strict=True):
                for found in LABEL.finditer(cell.source):
                    for label in re.findall(r"[\w-]+", found["code"] or found[0]):
                        self.labels.setdefault(label, []).extend(near)

    def measures(self, name: str) -> Iterator[tuple[int, Measure]]:
        """The measured numbers in a notebook's prose, each with its cell's number, from 1.

        A number may also stand near a label to which its sentence refers.
        """
        for number, cell in enumerate(self.notebooks[name].cells):
            for sentence, read in sentences(prose(cell)):
                keys = REFERENCE.findall(sentence)
                cited = "](http" in sentence or any(not OURS.match(k) for k in keys)
                cells = self.near[name][number] + [
                    x for key in keys for x in self.labels.get(key, [])
                ]
                for measure in numbers(sentence, read):
                    measure.verdict = "cited" if cited else verdict(measure, cells)
                    yield number + 1, measure

    def untied(self, name: str) -> list[str]:
        """What is to be said of the notebook's numbers that no cell holds, one line each."""
        return [
            f"{name}, cell {number}: no cell near it prints, asserts or uses"
            f" {measure.text}: “{measure.sentence}”"
            for number, measure in self.measures(name)
            if measure.verdict == "untied"
        ]
