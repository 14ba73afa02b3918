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
COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try, ast.ClassDef)
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


def bound(statement: ast.stmt) -> set[str]:
    """The names whose values a statement changes; for a compound one, its first line does."""
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    if isinstance(statement, ast.Expr):
        return {root(statement.value)}
    if isinstance(statement, ast.For):
        return names(statement.target, ast.Store)
    if isinstance(statement, COMPOUND):
        return set()
    targets = [part for part in ast.walk(statement) if isinstance(part, ast.Subscript)]
    return names(statement, ast.Store) | {root(target) for target in targets}


def draws_only(statements: list[ast.stmt], later: set[str]) -> list[ast.stmt]:
    """What a figure's cell computes for its drawing, and no check or later cell uses."""
    checks = [
        part for part in statements if isinstance(part, ast.Assert) or _prints(part)
    ]
    wanted = later.union(*(names(part, ast.Load) for part in checks))
    while used := [part for part in statements if bound(part) & wanted]:
        more = wanted.union(*(names(part, ast.Load) for part in used))
        if more == wanted:
            break
        wanted = more
    return [part for part in statements if not bound(part) & wanted]


def _prints(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and root(statement.value) == "print"


def untaught_lines(tree: ast.Module | None, source: str, later: set[str]) -> set[int]:
    """The lines of a cell in which no fault is planted; `later` are names that later cells read."""
    lines = source.splitlines()
    if tree is None:
        return set(range(1, len(lines) + 1))
    statements = [part for part in ast.walk(tree) if isinstance(part, ast.stmt)]
    skipped = [part for part in statements if _untaught(part, part in tree.body, lines)]
    if re.search(r"^#\| label: fig-", source, re.MULTILINE):
        skipped += draws_only(statements, later)
    magics = [i for i, line in enumerate(lines, start=1) if re.match(r"\s*[%!]", line)]
    spans = [range(head(part)[0], head(part)[1] + 1) for part in skipped]
    return set(magics).union(*spans)


def _untaught(statement: ast.stmt, outside: bool, lines: list[str]) -> bool:
    """Whether a statement imports, checks, draws, prints, measures time or makes up data."""
    first, last = head(statement)
    code = "\n".join(lines[first - 1 : last])
    if isinstance(statement, UNTAUGHT) or UNTAUGHT_CODE.search(code):
        return True
    if isinstance(statement, ast.Expr):
        return root(statement.value) in DRAWS
    if isinstance(statement, ast.FunctionDef):
        return "ax" in {argument.arg for argument in statement.args.args}
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


def later_names(sources: list[str]) -> list[set[str]]:
    """For each cell the names that cells after it read and have not bound again before."""
    wanted, result = set(), []
    for source in reversed(sources):
        result.append(wanted)
        if tree := parsed(source):
            inside = {part.arg for part in ast.walk(tree) if isinstance(part, ast.arg)}
            own = names(tree, ast.Store) | inside
            wanted = (wanted - own) | (names(tree, ast.Load) - own)
    return result[::-1]


def places(notebook: nbformat.NotebookNode, number: str) -> list[Place]:
    """Everywhere a fault can be planted; `number`, as in "05", begins the ids.

    Hidden cells are left alone: the set-up, and what makes the explorers.
    """
    cells = [
        (cell.source, count)
        for count, cell in enumerate(notebook.cells, start=1)
        if cell.cell_type == "code"
        and not re.search(r"^(#\| include: false|%%)", cell.source, re.MULTILINE)
    ]
    found, taken = [], Counter()
    later = later_names([source for source, _ in cells])
    for (source, cell), wanted in zip(cells, later, strict=True):
        tree = parsed(source)
        skipped = untaught_lines(tree, source, wanted)
        nodes, lines = list(ast_nodes(get_ast(source))), source.splitlines()
        for kind, operators in KINDS.items():
            for operator in operators:
                at = [node for node in nodes for _ in operator.mutation_positions(node)]
                for occurrence, node in enumerate(at):
                    first, last = node.start_pos[0], node.end_pos[0]
                    if skipped.intersection(range(first, last + 1)) or is_setting(node):
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
