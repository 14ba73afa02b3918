"""The filters, by the Pandoc document that comes out: both sides are compared as ASTs."""

import json
import re
import subprocess
import unicodedata

import nbformat
import pypandoc
import pytest
from conftest import code, drawn, printed

from render.__main__ import HERE, read_book, settings

CHAPTER_HEAD = "# [35]{.header-section-number} Small {#sec-small}\n\n"
REFERENCES = "\n\n## References {#references .unnumbered}\n\n::: {#refs}\n:::\n"


def parse(markdown: str) -> list:
    command = [
        pypandoc.get_pandoc_path(),
        "--from=markdown-auto_identifiers",
        "--to=json",
    ]
    done = subprocess.run(
        command, input=markdown, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)["blocks"]


def loose(node):
    """Paragraphs for tight paragraphs, which Markdown cannot always tell apart."""
    if isinstance(node, list):
        return [loose(item) for item in node]
    if isinstance(node, dict):
        kind = "Para" if node.get("t") == "Plain" else node.get("t")
        return {key: loose(value) for key, value in node.items()} | (
            {"t": kind} if kind else {}
        )
    return node


def header_id(block: dict) -> str | None:
    return block["c"][1][0] if block["t"] == "Header" else None


def filtered(project, *cells, lists: bool = False) -> list:
    """What the book, or only its lists, consists of when its one section is made of these cells."""
    (project.root / "references.bib").write_text("")
    (project.root / "chapters" / "small.qmd").write_text(
        "{{< embed notebooks/01-one.ipynb echo=true >}}\n"
    )
    text = nbformat.v4.new_markdown_cell
    cells = [text(cell) if isinstance(cell, str) else cell for cell in cells]
    project.notebook(*cells)
    work = project.root / "work"
    work.mkdir()
    read_book(project.root, settings(project.root), work)
    blocks = json.loads((work / "book.json").read_text())["blocks"]
    for block in blocks:
        if block["t"] == "Header" and block["c"][1][2]:  # a section tells its notebook
            assert block["c"][1][2].pop() == ["notebook", "notebooks/01-one.ipynb"]
    start, end = (
        next(i for i, block in enumerate(blocks) if header_id(block) == name)
        for name in ["lists", "references"]
    )
    return blocks[start:end] if lists else blocks[:start] + blocks[end:]


def image(alt: str, path: str) -> dict:
    # an image alone in its paragraph would be read as a figure
    return parse(f"![{alt}]({path}) and text")[0]["c"][0]


def check(project, expected: str, *cells) -> None:
    assert loose(filtered(project, *cells)) == loose(
        parse(CHAPTER_HEAD + expected + REFERENCES)
    )


def test_headings_are_numbered_and_a_repeated_one_gets_its_section_in_its_id(project):
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        "### [35.1.1]{.header-section-number} Summary {#a-summary}\n\n"
        "## [35.2]{.header-section-number} B {#sec-b}\n\n"
        "### [35.2.1]{.header-section-number} Summary {#b-summary}\n\n"
        "### [35.2.2]{.header-section-number} C {#sec-c}\n\n",
        "## A {#sec-a}\n\n### Summary",
        "## B {#sec-b}\n\n### Summary\n\n### C {#sec-c}",
    )


def test_formulas_are_numbered_where_they_have_a_label_and_references_carry_the_number(
    project,
):
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        "[[$$x$$]{.equation-body}]{.equation} then "
        "[[$$y$$]{.equation-body}[(35.1)]{.equation-number}]{#eq-y .equation}.\n\n"
        "[Equation\\ 35.1](#eq-y){.ref}, [35.1](#eq-y){.ref}, "
        "[Section\\ 35.1](#sec-a){.ref}, [Chapter\\ 35](#sec-small){.ref}.",
        "## A {#sec-a}\n\n$$x$$ then $$y$$ {#eq-y}.",
        "@eq-y, [-@eq-y], @sec-a, @sec-small.",
    )


@pytest.mark.parametrize(
    ("prefix", "name"),
    [
        ("def", "Definition"), ("thm", "Theorem"), ("lem", "Lemma"), ("cor", "Corollary"),
        ("prp", "Proposition"), ("exr", "Exercise"),
    ],
)  # fmt: skip
def test_a_statement_and_its_checking_cells_are_linked_both_ways(project, prefix, name):
    label, words = f"{prefix}-a", f"{name}\\ 35.1"
    verb, link, fold = (
        ("Solves", "solution", "code-fold")
        if prefix == "exr"
        else ("Checks", "check", "cell-code")
    )
    aria = f'.check-link aria-label="{link} {{}}: the cell for {name}\u00a035.1"'
    cell = (
        ":::: {{#check-{label}{n} .cell}}\n::: cell-checks\n{verb} [{words}](#{label}){{.ref}}\n:::\n\n"
        "::: {fold}\n``` python\nassert True\n```\n:::\n::::\n\n"
    )
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        f":::: {{#{label} .statement .{prefix}}}\n::: statement-head\n"
        f"[{words}]{{.statement-label}} [Title]{{.statement-title}} "
        f"[{link} 1](#check-{label}){{{aria.format(1)}}} "
        f"[{link} 2](#check-{label}-2){{{aria.format(2)}}}\n:::\n\nText.\n::::\n\n"
        + cell.format(fold=fold, verb=verb, label=label, words=words, n="")
        + cell.format(fold=fold, verb=verb, label=label, words=words, n="-2"),
        f"## A {{#sec-a}}\n\n::: {{#{label}}}\n#### Title\n\nText.\n:::",
        code(f"#| checks: {label}\nassert True"),
        code(f"#| checks: [{label}]\nassert True"),
    )


def test_an_example_needs_no_check_and_no_title(project):
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        ":::: {#exm-a .statement .exm}\n::: statement-head\n"
        "[Example\\ 35.1]{.statement-label}\n:::\n\nText.\n::::",
        "## A {#sec-a}\n\n::: {#exm-a}\nText.\n:::",
    )


def test_proofs_end_in_a_mark_even_behind_a_list(project):
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        "::: proof\n*Proof.* By *a*. [∎]{.qed}\n:::\n\n"
        "::: proof\n*Proof.*\n\n- b\n\n[∎]{.qed}\n:::\n\n"
        "::: remark\n*Remark.* c\n:::",
        "## A {#sec-a}\n\n::: {.proof}\nBy *a*.\n:::\n\n::: {.proof}\n- b\n:::\n\n"
        "::: {.remark}\nc\n:::",
    )


def test_callouts_take_their_title_from_attribute_heading_or_kind(project):
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        ":::: {.callout .callout-note .folded}\n::: callout-title\nS\n:::\n\na\n::::\n\n"
        ":::: {.callout .callout-tip}\n::: callout-title\nT\n:::\n\nb\n::::\n\n"
        ":::: {.callout .callout-warning}\n::: callout-title\nWarning\n:::\n\nc\n::::",
        '## A {#sec-a}\n\n::: {.callout-note collapse="true" title="S"}\na\n:::\n\n'
        "::: {.callout-tip}\n#### T\n\nb\n:::\n\n::: {.callout-warning}\nc\n:::",
    )


def test_a_figure_gets_number_caption_and_alternative_text(project):
    blocks = filtered(
        project,
        "## A {#sec-a}\n\n@fig-a, $$x$$ {#eq-x}",
        code(
            '#| label: fig-a\n#| fig-cap: "Of $x$, @eq-x."\n#| fig-alt: "It rises."\nplt.show()',
            drawn(),
        ),
    )
    (figure,) = [block for block in blocks[-3]["c"][1] if block["t"] == "Figure"]
    attributes, (_, caption), content = figure["c"]
    assert attributes[0] == "fig-a"
    expected = parse("Figure\\ 35.1: Of $x$, [Equation\\ 35.1](#eq-x){.ref}.")
    assert loose(caption) == loose(expected)
    assert loose(content) == [
        {"t": "Para", "c": [image("It rises.", "images/fig-a.png")]}
    ]
    assert (project.root / "work" / "images" / "fig-a.png").stat().st_size > 0


def test_two_figures_can_show_the_same_image(project):
    options = (
        '#| label: fig-{0}\n#| fig-cap: "Of {0}."\n#| fig-alt: "It is {0}."\nplt.show()'
    )
    cells = [code(options.format(name), drawn()) for name in "ab"]
    filtered(project, "## A {#sec-a}\n\n@fig-a, @fig-b", *cells)
    stored = sorted(path.name for path in (project.root / "work" / "images").iterdir())
    assert stored == ["fig-a.png", "fig-b.png"]
    assert not list((project.root / "work").glob("*.png"))


def test_an_explorer_stands_before_its_image(project):
    blocks = filtered(
        project,
        "## A {#sec-a}\n\n@fig-a",
        code(
            "#| label: fig-a\n#| fig-cap: A.\n#| fig-alt: It rises.\nexplorer()",
            drawn(**{"text/html": "<p>a</p>", "text/plain": "a"}),
        ),
    )
    (figure,) = [block for block in blocks[-3]["c"][1] if block["t"] == "Figure"]
    html = {"t": "RawBlock", "c": ["html", "<p>a</p>"]}
    assert loose(figure["c"][2]) == [
        {"t": "Div", "c": [["", ["explorer-html"], []], [html]]},
        {"t": "Para", "c": [image("It rises.", "images/fig-a.png")]},
    ]


def test_cell_options_hide_and_fold(project):
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        "::::: cell\n:::: cell-code\n``` python\na = 1\n\n# b\n```\n::::\n"
        ":::: cell-output\n``` output\nout\n```\n::::\n:::::\n\n"
        "::::: cell\n:::: code-fold\n``` python\nc\n```\n::::\n:::::\n\n"
        "::::: cell\n:::: cell-output\n``` output\nshown\n```\n::::\n:::::",
        "## A {#sec-a}",
        code("#| echo: true\na = 1\n\n# b", printed("out\n")),
        code("#| include: false\nhidden", printed("hidden\n")),
        code("#| code-fold: true\nc"),
        code("#| echo: false\nd", printed("shown\n")),
    )


def test_a_table_takes_its_label_from_its_caption(project):
    blocks = filtered(
        project,
        "## A {#sec-a}\n\n| a |\n|---|\n| 1 |\n\n: Of $x$ {#tbl-a}\n\nSee @tbl-a.",
    )
    (table,) = [block for block in blocks if block["t"] == "Table"]
    assert table["c"][0][0] == "tbl-a"
    assert loose(table["c"][1][1]) == loose(parse("Table\\ 35.1: Of $x$"))


@pytest.mark.parametrize(
    "tex, typst",
    [
        (r"\Bigl(\frac a b\Bigr)^{\!\top}", "(a / b)^top"),
        (r"\bigl[ x \bigr)", r"lr([x))"),
        (r"\lvert x \rvert^2", "lr(|x|)^2"),
        (r"\Bigl\lvert x \Bigr\rvert", "lr(|x|)"),
        (r"\Bigl( a \bigl\lvert b \bigr\rvert \Bigr)^2", "(a lr(|b|))^2"),
        (r"a\;b", "a med b"),
        (
            r"\begin{aligned} a &= b \\ c &= d\;! \end{aligned}",
            "a & = b\\\nc & = d med !",
        ),
    ],
)
def test_print_sizes_its_delimiters_itself(tex, typst):
    done = pypandoc.convert_text(
        f"${tex}$", "typst", "markdown", [f"--lua-filter={HERE / 'typst.lua'}"]
    )
    assert done.strip().partition(";$")[2].removesuffix("$]") == typst


@pytest.mark.parametrize(
    ("tex", "said"),
    [
        (r"\lvert x \rvert^2", "|x|²"),
        (r"\dot y = f(t, y)", "ẏ = f(t, y)"),
        ("\\frac{a}{b\n+ c}", r"\\frac{a}{b + c}"),  # no characters for it: TeX
    ],
)
def test_print_says_a_formula_in_words(tex, said):
    done = pypandoc.convert_text(
        f"$y$ and ${tex}$", "typst", "markdown", [f"--lua-filter={HERE / 'typst.lua'}"]
    )
    first, second = re.findall(r'math\.equation\(alt: "((?:[^"\\]|\\.)*)"\);', done)
    assert (
        " ".join(unicodedata.normalize("NFC", second).split()) == said and first == "y"
    )


def test_print_leaves_a_pair_alone_that_is_in_two_lines():
    tex = r"$\begin{aligned} a &= \bigl( b \\ & + c \bigr) \end{aligned}$"
    filters = [f"--lua-filter={HERE / 'typst.lua'}", "--fail-if-warnings"]
    assert "scale(" in pypandoc.convert_text(tex, "typst", "markdown", filters)


def test_the_lists_name_statements_and_figures_by_section(project):
    found = filtered(
        project,
        "## A *b* {#sec-a}\n\n::: {#thm-x}\n#### On $x$\n\nIt holds, @fig-f.\n:::\n\n"
        "::: {#exr-y}\nTry.\n:::",
        code("#| checks: thm-x\nassert True"),
        code("#| checks: exr-y\nassert True"),
        code(
            '#| label: fig-f\n#| fig-cap: "The case i.e. $y$. More words."\n#| fig-alt: "A line."\nf()',
            drawn(),
        ),
        lists=True,
    )
    theorem = r"[Theorem\ 35.1]{.statement-label} [On $x$]{.statement-title}"
    assert loose(found) == loose(
        parse(
            "## Statements and figures {#lists .unnumbered}\n\n"
            "### Statements {#list-of-statements .unnumbered}\n\n"
            "**[35.1]{.header-section-number} A *b***\n\n"
            f"- [{theorem}](#thm-x){{.listed}}\n\n"
            "### Figures {#list-of-figures .unnumbered}\n\n"
            "**[35.1]{.header-section-number} A *b***\n\n"
            r"- [Figure\ 35.1: The case i.e. $y$](#fig-f){.listed}"
        )
    )


def test_what_a_solution_prints_is_folded_with_its_code(project):
    check(
        project,
        "## [35.1]{.header-section-number} A {#sec-a}\n\n"
        ":::: {#exr-a .statement .exr}\n::: statement-head\n"
        r"[Exercise\ 35.1]{.statement-label} "
        "[solution](#check-exr-a)"
        '{.check-link aria-label="solution: the cell for Exercise\u00a035.1"}'
        "\n:::\n\nText.\n::::\n\n"
        "::::: {#check-exr-a .cell}\n::: cell-checks\n"
        r"Solves [Exercise\ 35.1](#exr-a){.ref}"
        "\n:::\n\n:::: code-fold\n``` python\nassert True\n```\n\n"
        "::: cell-output\n``` output\nshown\n```\n:::\n::::\n:::::",
        "## A {#sec-a}\n\n::: {#exr-a}\nText.\n:::",
        code("#| checks: exr-a\nassert True", printed("shown\n")),
    )
