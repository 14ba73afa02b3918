"""Where a fault makes sense in a notebook, and which of them are planted."""

import ast
import difflib
import hashlib
import re
from collections import Counter
from dataclasses import dataclass

import nbformat
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from IPython.core.inputtransformer2 import TransformerManager

from benchmarks.operators import KINDS

# Names that a drawing or printing statement begins with.
DRAWS = {"plt", "ax", "axes", "fig", "print", "display", "explorer"}
UNTAUGHT_CODE = re.compile(
    r"\b(manual_seed|default_rng|seed|set_num_threads|set_default_dtype|perf_counter)\("
    r"|^ *if .* % "  # what is recorded now and then
)
RANDOM = re.compile(r"\b(rng\.|randn?\b|randn_like|randint|randperm|normal_)")
UNTAUGHT = (ast.Import, ast.ImportFrom, ast.Assert, ast.Raise)
COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)
DEFINITION = (ast.FunctionDef, ast.ClassDef)
# Settings that a computation should not depend on.
SETTINGS = {
    *("axis", "dim", "keepdims", "rtol", "atol", "tol", "epsabs", "epsrel", "max_step"),
    *("lr", "std", "size", "generator", "seed", "label", "color", "figsize"),
}


@dataclass(frozen=True)
class Place:
    """Where a fault can be planted: the operator's `occurrence` in a cell (from 1) of a notebook.

    `id` is made of the notebook's number, the kind, a hash of the line and the function it
    stands in, and a count of what can be changed there, so that it outlives other edits.
    """

    id: str
    kind: str
    cell: int
    line: str
    operator: Operator
    occurrence: int


@dataclass(frozen=True)
class Fault:
    """One fault: in the notebook's cell `cell` (from 1) `before` reads `after`.

    `id` and `kind` are the place's; `source` is the whole cell, with the fault.
    """

    id: str
    kind: str
    cell: int
    before: str
    after: str
    source: str


def parsed(source: str) -> ast.Module | None:
    """The syntax tree of a cell's source, in which magics may stand; None if it is no Python."""
    try:
        return ast.parse(TransformerManager().transform_cell(source))
    except SyntaxError:
        return None


def names(node: ast.AST, context: type) -> set[str]:
    """The names that `node` reads (ast.Load) or binds (ast.Store)."""
    return {
        part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name) and isinstance(part.ctx, context)
    }


def root(node: ast.AST) -> str:
    """The name that an expression such as `axes[0].plot(x)` begins with."""
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def head(statement: ast.stmt) -> tuple[int, int]:
    """First and last line of a statement, of a compound one without its body."""
    last = statement.body[0].lineno - 1 if isinstance(statement, COMPOUND) else None
    return statement.lineno, max(statement.lineno, last or statement.end_lineno)


def units(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a cell in order, those in loops and the like too, but not in functions."""
    found = []
    for part in body:
        found.append(part)
        if isinstance(part, COMPOUND):
            for name in ("body", "handlers", "orelse", "finalbody"):
                for inner in getattr(part, name, []):
                    handler = isinstance(inner, ast.ExceptHandler)
                    found += units(inner.body if handler else [inner])
    return found


def binds(statement: ast.stmt) -> set[str]:
    """The names that a statement gives a new value; for a compound one, its head does."""
    if isinstance(statement, DEFINITION):
        return {statement.name}
    if isinstance(statement, ast.For):
        return names(statement.target, ast.Store)
    return set() if isinstance(statement, COMPOUND) else names(statement, ast.Store)


def changes(statement: ast.stmt) -> set[str]:
    """The names whose values a statement may change: `binds`, and the x of x.f() and x[0] = 1."""
    if isinstance(statement, ast.Expr):
        return {root(statement.value)}
    if isinstance(statement, (*DEFINITION, *COMPOUND)):
        return binds(statement)
    targets = (part for part in ast.walk(statement) if hasattr(part, "ctx"))
    return {root(part) for part in targets if isinstance(part.ctx, ast.Store)}


def reads(statement: ast.stmt) -> set[str]:
    """The names that a statement needs from outside; for a compound one, that its head needs."""
    if isinstance(statement, ast.With):
        return set().union(*(names(item, ast.Load) for item in statement.items))
    if isinstance(statement, COMPOUND):
        return names(
            getattr(statement, "iter", getattr(statement, "test", ast.Pass())), ast.Load
        )
    own = {part.arg for part in ast.walk(statement) if isinstance(part, ast.arg)}
    for part in ast.walk(statement):
        if isinstance(part, ast.comprehension):
            own |= names(part.target, ast.Store)
    if isinstance(statement, DEFINITION):
        own |= names(statement, ast.Store)
    return names(statement, ast.Load) - own


def only_drawn(
    tree: ast.Module, figure: bool, later: set[str]
) -> tuple[list[ast.stmt], set[str]]:
    """What a cell computes for drawings only, and the names that the rest needs from before.

    `later` are the names that later cells need; `figure` tells whether the cell is one.
    """

    def counts(part: ast.stmt) -> bool:
        if isinstance(part, ast.Assert):
            return True
        if isinstance(part, ast.Expr):
            return root(part.value) == "print" or not (
                figure or root(part.value) in DRAWS
            )
        return isinstance(part, COMPOUND) and not (figure or binds(part) & DRAWS)

    parts = units(tree.body)
    kept, wanted, before = [], set(later), None
    while kept != before:
        before = kept
        kept = [part for part in parts if counts(part) or changes(part) & wanted]
        wanted = wanted.union(*map(reads, kept))
    needed = later
    for part in reversed(kept):
        needed = (needed - binds(part)) | reads(part)
    return [part for part in parts if changes(part) and part not in kept], needed


def untaught_lines(source: str, later: set[str]) -> tuple[set[int], set[str]]:
    """The lines of a cell in which no fault is planted, and the names it needs from before."""
    tree, lines = parsed(source), source.splitlines()
    if tree is None:
        return set(range(1, len(lines) + 1)), later
    figure = re.search(r"^#\| label: fig-", source, re.MULTILINE) is not None
    skipped, needed = only_drawn(tree, figure, later)
    skipped += [
        part
        for part in ast.walk(tree)
        if isinstance(part, ast.stmt) and _untaught(part, part in tree.body, lines)
    ]
    magics = [i for i, line in enumerate(lines, start=1) if re.match(r"\s*[%!]", line)]
    spans = [range(head(part)[0], head(part)[1] + 1) for part in skipped]
    return set(magics).union(*spans), needed


def _untaught(statement: ast.stmt, outside: bool, lines: list[str]) -> bool:
    """Whether a statement imports, checks, draws, prints, measures time or makes up data."""
    if isinstance(statement, DEFINITION):  # its statements are asked one by one
        parameters = getattr(statement, "args", ast.arguments(args=[])).args
        return "ax" in {parameter.arg for parameter in parameters}
    first, last = head(statement)
    code = "\n".join(lines[first - 1 : last])
    if isinstance(statement, UNTAUGHT) or UNTAUGHT_CODE.search(code):
        return True
    if isinstance(statement, ast.Expr):
        return root(statement.value) in DRAWS
    if isinstance(statement, ast.For):
        return bool(names(statement.target, ast.Store) & DRAWS)
    # In a function randomness may be what is taught; outside, or in weights, it is an example.
    return bool(RANDOM.search(code)) and (outside or "Parameter(" in code)


def is_setting(node) -> bool:
    """Whether `node` belongs to an argument such as `axis=0` or `rtol=1e-8`."""
    while node := node.search_ancestor("argument"):
        if node.children[0].type == "name" and node.children[0].value in SETTINGS:
            return True
    return False


def changed_lines(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, of both sources, without what they are indented by."""
    old, new = [], []
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        if line.startswith("- "):
            old.append(line[2:].strip())
        elif line.startswith("+ "):
            new.append(line[2:].strip())
    return "\n".join(old), "\n".join(new)


def places(notebook: nbformat.NotebookNode, number: str) -> list[Place]:
    """Everywhere a fault can be planted; `number`, as in "05", begins the ids.

    Hidden cells are left alone: the set-up, and what makes the explorers.
    """
    cells = [
        (cell.source, count)
        for count, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code" and not cell.source.startswith("%%")
    ]
    found, taken, skipped, later = [], Counter(), {}, set()
    for source, cell in reversed(cells):
        skipped[cell], later = untaught_lines(source, later)
    for source, cell in cells:
        if re.search(r"^#\| include: false", source, re.MULTILINE):
            continue
        nodes, lines = list(ast_nodes(get_ast(source))), source.splitlines()
        for kind, operators in KINDS.items():
            for operator in operators:
                at = [node for node in nodes for _ in operator.mutation_positions(node)]
                for occurrence, node in enumerate(at):
                    first, last = node.start_pos[0], node.end_pos[0]
                    if skipped[cell].intersection(range(first, last + 1)) or is_setting(
                        node
                    ):
                        continue
                    line = "\n".join(text.strip() for text in lines[first - 1 : last])
                    function = ASTQuery(node).get_definition_name() or ""
                    told = hashlib.sha256(f"{function}\0{line}".encode()).hexdigest()
                    name = f"{number}-{kind}-{told[:6]}"
                    taken[name] += 1
                    name += f"-{taken[name]}"
                    found.append(Place(name, kind, cell, line, operator, occurrence))
    return found


def plant(place: Place, source: str) -> Fault | None:
    """The fault at a place of the cell `source`; None if it is no Python or changes nothing."""
    mutated = mutate_code(source, place.operator, place.occurrence)
    tree = parsed(mutated)
    if tree is None or ast.dump(tree) == ast.dump(parsed(source)):
        return None
    before, after = changed_lines(source, mutated)
    return Fault(place.id, place.kind, place.cell, before, after, mutated)


def choose(
    notebook: nbformat.NotebookNode, found: list[Place], count: int, seed: int
) -> list[Fault]:
    """At most `count` faults, spread over kinds, cells and lines, the same for a seed."""

    def rank(place: Place) -> str:
        return hashlib.sha256(f"{seed} {place.id}".encode()).hexdigest()

    def crowd(place: Place) -> tuple[int, int, int]:
        line = place.cell, place.line
        return taken[line], taken[place.kind], taken[place.cell]

    left, chosen, taken = sorted(found, key=rank), [], Counter()
    while left and len(chosen) < count:
        left.remove(place := min(left, key=crowd))
        if fault := plant(place, notebook.cells[place.cell - 1].source):
            chosen.append(fault)
            taken.update([place.kind, place.cell, (place.cell, place.line)])
    return sorted(chosen, key=lambda fault: (fault.cell, fault.id))
