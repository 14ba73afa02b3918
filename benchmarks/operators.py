"""The kinds of fault that are planted: cosmic-ray's operators, and some of our own trade.

An operator says where in a cell's syntax tree it has something to change, and changes it.
"""

import re
from abc import abstractmethod

from cosmic_ray.ast import is_number
from cosmic_ray.operators.number_replacer import NumberReplacer
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.operators.provider import OperatorProvider
from parso.python.tree import Name
from parso.tree import NodeOrLeaf

# Only what is wrong whatever the tolerance: an adaptive solver in another's place isn't.
WEAKER_SOLVER = {
    "dopri5": "euler",
    "dopri8": "euler",
    "heun2": "euler",
    "heun3": "euler",
    "midpoint": "euler",
    "milstein": "euler",
    "rk4": "midpoint",
    "euler": "midpoint",
}
OTHER_FUNCTION = {
    "cos": "sin",
    "sin": "cos",
    "exp": "exp2",
    "sqrt": "square",
    "minimum": "maximum",
    "maximum": "minimum",
}
OTHER_MEAN = {"sum": "mean", "mean": "sum"}
ARITHMETIC = {"arith_expr", "term", "power"}  # nodes of the syntax tree
TIMES = re.compile(r"(t|ts|times|when|span)\b[^=]*=")
SOLVER_NAME = re.compile(r"solve_ivp|(ode|sde)int\w*")
PAIR = re.compile(r"([\[(])([^,()]+), ([^,()]+)([\])])")


def subscript(node: NodeOrLeaf) -> bool:
    """Whether `node` stands between the brackets of `a[…]`."""
    trailer = node.search_ancestor("trailer")
    while trailer is not None and trailer.children[0] != "[":
        trailer = trailer.search_ancestor("trailer")
    return trailer is not None


def called(node: NodeOrLeaf) -> bool:
    """Whether `node` is a name, after a dot or not, with a call's bracket behind it."""
    return node.type == "name" and node.get_next_leaf() == "("


def parts(node: NodeOrLeaf) -> list[str]:
    """An expression such as `a.b(c)[d]` as its name and trailers `.b`, `(c)`, `[d]`; else none."""
    if node.type != "atom_expr":
        return []
    return [child.get_code(include_prefix=False) for child in node.children]


def arguments(call: NodeOrLeaf) -> list[str]:
    """The arguments of the trailer `(…)`."""
    if len(call.children) == 2:
        return []
    inner = call.children[1]
    several = inner.children[::2] if inner.type == "arglist" else [inner]
    return [child.get_code(include_prefix=False) for child in several]


def is_time(node: NodeOrLeaf) -> bool:
    """Whether `node` is given to a solver or to a variable that has the name of a time."""
    statement = node.search_ancestor("expr_stmt")
    if statement and TIMES.match(statement.get_code(include_prefix=False)):
        return True
    call = node.search_ancestor("trailer")
    solver = call and call.children[0] == "(" and call.get_previous_leaf()
    return bool(solver) and SOLVER_NAME.fullmatch(solver.value) is not None


def without(pieces: list[str], names: set[str], length: int) -> list[str]:
    """The expression of these parts without each `.name` and what follows, `length` parts in all."""
    return [
        "".join(pieces[:i] + pieces[i + length :])
        for i, piece in enumerate(pieces)
        if piece in names
    ]


class Rewrite(Operator):
    """An operator that puts other code in a node's place; `shown` are its examples."""

    shown: tuple[tuple[str, str], ...]

    @abstractmethod
    def codes(self, node: NodeOrLeaf) -> list[str]:
        """The codes that may stand in the node's place."""

    def mutation_positions(self, node):
        """One position a code."""
        return [(node.start_pos, node.end_pos)] * len(self.codes(node))

    def mutate(self, node, index):
        """The code as a leaf of the tree, behind the node's white space."""
        prefix = node.get_first_leaf().prefix
        return Name(self.codes(node)[index], node.start_pos, prefix)

    @classmethod
    def examples(cls):
        """Code before and after, for the tests."""
        return tuple(Example(before, after) for before, after in cls.shown)


class Constant(NumberReplacer):
    """A number in a formula, one more or less; not a size, a tolerance, a choice of example."""

    def mutation_positions(self, node):
        """As cosmic-ray's, at the operands of arithmetic."""
        if not is_number(node) or subscript(node):
            return
        if node.parent.type in ARITHMETIC:
            yield from super().mutation_positions(node)

    @classmethod
    def examples(cls):
        """Code before and after, for the tests."""
        return (Example("x / 2", "x / 3"), Example("x / 2", "x / 1", occurrence=1))


class Index(NumberReplacer):
    """A number in a subscript, one more or less."""

    def mutation_positions(self, node):
        """As cosmic-ray's, at the numbers in subscripts."""
        if is_number(node) and subscript(node):
            yield from super().mutation_positions(node)

    @classmethod
    def examples(cls):
        """Code before and after, for the tests."""
        return (Example("x[0]", "x[ 1]"), Example("x[:-1]", "x[:- 0]", occurrence=1))


class ShorterRange(Rewrite):
    """A loop that ends one step early."""

    shown = (("range(n)", "range(n - 1)"), ("range(1, n)", "range(1, n - 1)"))

    def codes(self, node):
        """One step less, for a count that is not given as a number."""
        if len(pieces := parts(node)) != 2 or pieces[0] != "range":
            return []
        ends = arguments(node.children[1])
        if len(ends) > 2 or ends[-1].isdecimal() or ends[-1].startswith("*"):
            return []
        return [f"range({', '.join(ends)} - 1)"]


class Term(Rewrite):
    """A sum without one of its terms."""

    shown = (("x + y - z", "y - z"), ("x - y", "-y"))

    def codes(self, node):
        """The sum without its first term, without its second, and so on."""
        if node.type != "arith_expr" or subscript(node):
            return []
        terms = [child.get_code().strip() for child in node.children[::2]]
        signs = ["+", *(child.value for child in node.children[1::2])]
        if any(term.startswith(("'", '"', 'f"')) for term in terms):
            return []
        rest = [
            [pair for j, pair in enumerate(zip(signs, terms, strict=True)) if j != i]
            for i in range(len(terms))
        ]
        return [
            ("-" if pairs[0][0] == "-" else "")
            + pairs[0][1]
            + "".join(f" {sign} {term}" for sign, term in pairs[1:])
            for pairs in rest
        ]


class Transpose(Rewrite):
    """A transpose that is missing, or one too many before a matrix product."""

    shown = (
        ("A.T @ x", "A @ x"),
        ("x.transpose(0, 1)[2]", "x[2]"),
        ("A @ x", "A.T @ x"),
        ("e('ij,jk->ik')", "e('ij,jk->ki')"),
        ("e('ij,j->i')", "e('ji,j->i')"),
    )

    def codes(self, node):
        """Without each of its transposes; a matrix, which has a capital letter, with one."""
        if node.type == "string" and "->" in node.value:
            # The result's first two indices change places, else those of the first factor.
            place = (
                r"(->)(\w)(\w)" if re.search(r"->\w\w", node.value) else r"(\W)(\w)(\w)"
            )
            swapped = re.sub(place, r"\1\3\2", node.value, count=1)
            return [swapped] if re.search(r"\w,\w", node.value) else []
        if node.type == "name" and node.value[0].isupper():
            product = node.parent.type == "term" and node.get_next_sibling() == "@"
            return [f"{node.value}.T"] if product else []
        pieces = parts(node)
        return [
            *without(pieces, {".T", ".mT"}, 1),
            *without(pieces, {".transpose", ".swapaxes"}, 2),
        ]


class Solver(Rewrite):
    """A solver of another order."""

    shown = (('odeint(f, y, t, method="rk4")', 'odeint(f, y, t, method="midpoint")'),)

    def codes(self, node):
        """The other solver's name in place of this one's, unless it is a key or a label."""
        if node.type != "string" or subscript(node) or node.parent.type == "comparison":
            return []
        if node.get_next_leaf() == ":":
            return []
        other = WEAKER_SOLVER.get(node.value.strip("'\""))
        return [f'"{other}"'] if other else []


class Time(Rewrite):
    """Time that runs the other way: ends of an interval, a reversal, the sign of a step."""

    shown = (
        ("t = np.linspace(0, T, 9)", "t = np.linspace(T, 0, 9)"),
        ("solve_ivp(f, (s, t), x)", "solve_ivp(f, (t, s), x)"),
        ("t = torch.tensor([0.0, 1.0])", "t = torch.tensor([1.0, 0.0])"),
        ("for k in reversed(steps): pass", "for k in steps: pass"),
        ("y.flip(0)[1]", "y[1]"),
        ("y[::-1]", "y"),
        ("y + h * f(t, y)", "y + -h * f(t, y)"),
    )

    def codes(self, node):
        """What this node is in the other direction."""
        if node.type == "name" and node.value in {"h", "dt"}:
            before = node.get_previous_sibling()
            factor = node.parent.type == "term" and (before is None or before == "*")
            return [f"-{node.value}"] if factor and not subscript(node) else []
        pieces = parts(node)
        if pieces[:1] == ["reversed"]:
            return ["".join([pieces[1][1:-1], *pieces[2:]])]
        return [
            *without(pieces, {"[::-1]"}, 1),
            *without(pieces, {".flip"}, 2),
            *self._swapped(node, pieces),
        ]

    @staticmethod
    def _swapped(node, pieces):
        """The expression's calls that are given an interval of time, from its end to its start."""
        codes = []
        for i in range(1, len(pieces)):
            if node.children[i].children[0] != "(":
                continue
            name, values = pieces[i - 1].lstrip("."), arguments(node.children[i])
            if name == "linspace" and len(values) > 1 and is_time(node):
                values[:2] = values[1::-1]
            elif name == "tensor" and is_time(node):
                values[:1] = [PAIR.sub(r"\1\3, \2\4", value) for value in values[:1]]
            elif name == "solve_ivp":
                values[1:2] = [PAIR.sub(r"\1\3, \2\4", value) for value in values[1:2]]
            if values != arguments(node.children[i]):
                call = f"({', '.join(values)})"
                codes.append("".join([*pieces[:i], call, *pieces[i + 1 :]]))
        return codes


class Gradient(Rewrite):
    """A gradient that flows, or stops, where it should not."""

    shown = (
        ("y.detach().numpy()", "y.numpy()"),
        ("with torch.enable_grad(): pass", "with torch.no_grad(): pass"),
        ("grad(y, x, create_graph=True)", "grad(y, x, create_graph=False)"),
    )

    def codes(self, node):
        """Without each of its `detach()`, or with no gradient where one is asked for."""
        if called(node) and node.value == "enable_grad":
            return ["no_grad"]
        if node.type == "keyword" and node.value == "True":
            return (
                ["False"]
                if node.parent.get_first_leaf().value == "create_graph"
                else []
            )
        return without(parts(node), {".detach"}, 2)


class Function(Rewrite):
    """Another elementary function."""

    shown = (("np.sin(x)", "np.cos(x)"), ("torch.exp(x)", "torch.exp2(x)"))

    def codes(self, node):
        """The other function's name."""
        other = called(node) and OTHER_FUNCTION.get(node.value)
        return [other] if other else []


class Mean(Rewrite):
    """A sum for a mean, or the other way round."""

    shown = (("y.sum()", "y.mean()"), ("np.mean(y, 0)", "np.sum(y, 0)"))

    def codes(self, node):
        """The other one, where it is a method or a library's function."""
        if not called(node) or node.get_previous_leaf() != ".":
            return []
        other = OTHER_MEAN.get(node.value)
        return [other] if other else []


class _InFormulas:
    """An operator, but not in subscripts, which `Index` changes, nor at the sign of a datum."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.mutate = operator.mutate

    def mutation_positions(self, node):
        """The operator's own that are left."""
        datum = node.type == "factor" and is_number(node.children[1])
        if subscript(node) or (datum and node.parent.type not in ARITHMETIC):
            return []
        return self.operator.mutation_positions(node)


def _kept(*names: str) -> list[_InFormulas]:
    """Operators of cosmic-ray, by what its names end in."""
    every = OperatorProvider()
    return [_InFormulas(every[f"Replace{name}"]()) for name in names]


KINDS = {
    "sign": _kept(
        "BinaryOperator_Add_Sub", "BinaryOperator_Sub_Add", "UnaryOperator_Delete_USub"
    ),
    "operator": _kept(
        "BinaryOperator_Mul_Div", "BinaryOperator_Div_Mul", "BinaryOperator_Pow_Mul"
    ),
    "comparison": _kept(
        *(
            f"ComparisonOperator_{pair}"
            for pair in ("Lt_Gt", "Gt_Lt", "LtE_Gt", "GtE_Lt", "Eq_NotEq")
        )
    ),
    "constant": [Constant()],
    "index": [Index(), ShorterRange()],
    "term": [Term()],
    "transpose": [Transpose()],
    "solver": [Solver()],
    "time": [Time()],
    "gradient": [Gradient()],
    "function": [Function()],
    "mean": [Mean()],
}
