"""Colours for printed Python code: the spans that Pandoc would set, in a third of its time."""

import re
from html import escape, unescape
from itertools import groupby

from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Token

# The most specific kind counts; the classes are those of html/style.css.
CLASSES = {
    Token: "",
    Comment: "co",
    Keyword: "kw",
    Keyword.Constant: "va",
    Operator.Word: "kw",
    Name.Builtin: "bu",
    Name.Builtin.Pseudo: "va",
    Name.Decorator: "at",
    Name.Function: "fu",
    Name.Class: "fu",
    Name.Exception: "bu",
    Number: "dv",
    String: "st",
    String.Doc: "co",
    String.Interpol: "",
}
LEXER = PythonLexer(stripnl=False, ensurenl=False)
BLOCK = re.compile(r'<pre class="python"><code>(.*?)</code></pre>', re.DOTALL)


def _class(kind) -> str:
    while kind not in CLASSES:
        kind = kind.parent
    return CLASSES[kind]


def _block(match: re.Match) -> str:
    tokens = LEXER.get_tokens(unescape(match[1]))
    spans = []
    for name, run in groupby(tokens, lambda token: _class(token[0])):
        text = escape("".join(value for _, value in run), quote=False)
        spans.append(f'<span class="{name}">{text}</span>' if name else text)
    return f'<div class="code"><pre><code>{"".join(spans)}</code></pre></div>'


def colour(html: str) -> str:
    """The page `html` with every block of Python code in colours."""
    return BLOCK.sub(_block, html)
