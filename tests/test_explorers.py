"""The explorers in a browser: what they show after a drag is what Python computes."""

import math
import re
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from conftest import Project, complaints
from pypdf import PdfReader
from scipy.integrate import solve_ivp
from torchdiffeq import odeint

from render import ROOT
from render.__main__ import build

SECTION = "## One {#sec-one}\n\n::: {#thm-sum}\n#### Sum\n\n$1 + 1 = 2$.\n:::\n\n"
KINDS = ["euler", "stability", "tolerance", "resnet", "adjoint"]


def stored() -> list[nbformat.NotebookNode]:
    """The cells of the chapter's notebooks that show an explorer."""
    return [
        cell
        for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
        for cell in nbformat.read(path, as_version=4).cells
        if any(
            "text/html" in output.get("data", {}) for output in cell.get("outputs", [])
        )
    ]


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A small book, whose only section consists of the chapter's explorers."""
    small = Project.new(tmp_path_factory.mktemp("explorers"))
    cells = stored()
    for cell in cells:  # a caption may refer to what is not in this book
        cell.source = re.sub(r"@fig-[a-z-]+", "that figure", cell.source)
    labels = re.findall(r"label: (fig-\S+)", "\n".join(cell.source for cell in cells))
    text = SECTION + " ".join(f"@{label}" for label in labels)
    check = nbformat.v4.new_code_cell("#| checks: thm-sum\nassert 1 + 1 == 2")
    small.notebook(nbformat.v4.new_markdown_cell(text), check, *cells)
    small.replace("chapters/small.qmd", " and @fig-line", "")
    build(small.root)
    return small.root / "_book"


@pytest.fixture
def page(book, browser):
    """The page of the explorers; whatever it asks for or complains of is an error."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, has_touch=True, reduced_motion="reduce"
    )
    page = context.new_page()
    wrong = complaints(page)
    page.on(
        "request",
        lambda request: request.url.startswith("file:") or wrong.append(request.url),
    )
    page.goto((book / "sec-one.html").as_uri())
    page.wait_for_function(
        "document.querySelectorAll('.explorer b').length > 20"
    )  # all are drawn
    yield page
    assert wrong == []
    context.close()


class Explorer:
    """One explorer on the page: its handles, its controls and what it shows."""

    def __init__(self, page, kind: str) -> None:
        self.page = page
        self.root = page.locator(f'[data-explorer="{kind}"]')
        self.root.scroll_into_view_if_needed()

    def handle(self, name: str):
        return self.root.get_by_role("slider", name=name, exact=True)

    def place(self, name: str) -> tuple[float, float]:
        box = self.handle(name).locator("circle").last.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def scale(self, name: str) -> tuple[float, float]:
        """Pixels for one unit in either direction, in the panel of the handle."""
        return self.handle(name).evaluate(
            """(g) => {
              const lines = [...g.ownerSVGElement.querySelectorAll('.grid')];
              const box = (path) => path.getBoundingClientRect();
              const label = ({ nextSibling: { textContent } }) => {
                const power = [...textContent].map((d) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.indexOf(d));
                const digits = power.filter((d) => d >= 0).join('');
                if (digits) return digits * (textContent.includes('⁻') ? -1 : 1);
                return +textContent.replace('−', '-');
              };
              const upright = lines.filter((path) => box(path).width < box(path).height);
              const level = lines.filter((path) => !upright.includes(path));
              const per = ([a, b], side) => (box(b)[side] - box(a)[side]) / (label(b) - label(a));
              return [per(upright, 'left'), per(level, 'top')];
            }"""
        )

    def drag(self, name: str, right: float = 0, up: float = 0) -> None:
        """Drag the handle with the mouse, by so many units of the axes."""
        x, y = self.place(name)
        across, down = self.scale(name)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right * across / 2, y + up * down / 2)
        self.page.mouse.move(x + right * across, y + up * down)
        self.page.mouse.up()

    def press(self, name: str, *keys: str) -> None:
        for key in keys:
            self.handle(name).press(key)

    def shown(self) -> dict[str, str]:
        """What the line below the figure says: name to value."""
        return dict(
            self.root.locator("[role=status] span").evaluate_all(
                """(spans) => spans.map((span) => {
                  const value = span.querySelector('b').textContent;
                  return [span.textContent.slice(0, -value.length - 1), value];
                })"""
            )
        )


def number(text: str) -> float:
    digits = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")
    return float(text.translate(digits).replace("·10", "e"))


def agrees(text: str, value: float, digits: int = 3) -> None:
    """Assert that the shown text is the value, rounded to so many digits."""
    assert number(text) == float(f"{value:.{digits - 1}e}"), (text, value)


def pair(text: str, values, digits: int = 3) -> None:
    for part, value in zip(text.strip("()").split(", "), values, strict=True):
        agrees(part, value, digits)


def test_together_they_are_small():
    sizes = {}
    for cell in stored():
        (output,) = cell.outputs
        assert set(output.data) == {"text/html", "image/png", "text/plain"}
        html = output.data["text/html"]
        sizes[re.search(r"data-explorer=(\w+)", html)[1]] = len(html.encode())
    assert list(sizes) == KINDS
    assert sum(sizes.values()) <= 40_000, sizes


def logistic(t, y):
    return y * (1 - y)


def test_euler(page):
    it = Explorer(page, "euler")

    def check(h: float, start: float) -> None:
        shown, grid = (
            it.shown(),
            torch.arange(round(4 / h) + 1, dtype=torch.float64) * h,
        )
        y = torch.tensor(start, dtype=torch.float64)
        last = odeint(logistic, y, grid, method="euler")[-1].item()
        exact = solve_ivp(logistic, (0, 4), [start], rtol=1e-12, atol=1e-12).y[0, -1]
        agrees(shown["h ="], h)
        agrees(shown["y(0) ="], start)
        agrees(shown["Euler at 4:"], last, 4)
        agrees(shown["y(4) ="], exact, 4)
        agrees(shown["error"], exact - last)
        assert int(shown["steps"]) == round(4 / h)

    check(1, 0.05)
    it.drag("starting point", up=0.9)
    check(1, 0.95)
    it.drag("step size", right=-0.6)
    check(0.4, 0.95)
    it.press("starting point", "ArrowDown", "ArrowLeft", "PageUp")
    check(0.4, 1.35)
    it.press("step size", "ArrowRight", "ArrowUp", "ArrowRight")
    check(4 / 7, 1.35)
    it.press("step size", "End")
    check(4, 1.35)
    it.press("step size", "Home")
    check(0.1, 1.35)
    assert it.handle("step size").get_attribute("aria-valuetext") == "0.1"


def test_a_finger_drags_and_the_page_stays(page):
    it = Explorer(page, "euler")
    x, y = it.place("starting point")
    _, unit = it.scale("starting point")
    touch = page.context.new_cdp_session(page)
    before = page.evaluate("scrollY")
    for kind, up in [("Start", 0), ("Move", 0.5), ("Move", 1), ("End", None)]:
        points = [] if up is None else [{"x": x, "y": y + up * unit}]
        touch.send(
            "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points}
        )
    page.wait_for_timeout(200)  # for the page to scroll, if it wants to
    agrees(it.shown()["y(0) ="], 1.05)
    assert page.evaluate("scrollY") == before


def shell(t, y):
    c, b = 2 + math.sin(t) / 2, np.array([math.cos(2 * t), math.sin(2 * t)]) / 2
    return np.tanh(np.array([[-1, -c], [c, -1]]) @ y + b)


def test_resnet(page):
    it = Explorer(page, "resnet")

    def check(N: int, x: list[float]) -> None:
        shown, y = it.shown(), np.array(x)
        for k in range(N):
            y = y + 5 / N * shell(5 * k / N, y)
        goal = solve_ivp(shell, (0, 5), x, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
        miss = np.linalg.norm(y - goal)
        assert int(shown["N ="]) == N
        pair(shown["x ="], x)
        pair(shown["network"], y)
        pair(shown["flow"], goal)
        agrees(shown["distance"], miss)
        agrees(shown["N · distance"], N * miss)

    check(4, [1.5, 0])
    it.drag("input", right=-1.3, up=0.7)
    check(4, [0.2, 0.7])
    it.press("input", "ArrowRight", "ArrowDown", "PageUp")
    check(4, [0.25, 1.15])
    it.press("input", "Home")
    it.press("blocks", "ArrowRight", "ArrowRight")
    check(6, [-2, 1.15])
    it.press("blocks", "End")
    check(64, [-2, 1.15])


def amplification(method: str, z: complex) -> complex:
    """What one step of size 1 makes of 1, for y' = z y as a real system."""
    if method == "implicit Euler":
        return 1 / (1 - z)
    if method == "dopri5":  # its weights give the powers up to z^5 / 5! and z^6 / 600
        return sum(z**k / math.factorial(k) for k in range(6)) + z**6 / 600
    turn = torch.tensor([[z.real, -z.imag], [z.imag, z.real]], dtype=torch.float64)
    start, ends = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    end = odeint(lambda t, y: turn @ y, start, ends, method=method)[-1]
    return complex(*end.tolist())


def test_stability(page):
    it, handle = Explorer(page, "stability"), "h lambda, real and imaginary part"

    def check(method: str, z: complex) -> None:
        shown, R = it.shown(), amplification(method, z)
        sign = "−" if z.imag < 0 else "+"
        assert shown["hλ ="] == f"{z.real:g} {sign} {abs(z.imag):g} i".replace("-", "−")
        agrees(shown["|R(hλ)| ="], abs(R))
        agrees(shown["|exp(hλ)| ="], math.exp(z.real))
        agrees(shown["|y₂₀| ="], abs(R) ** 20)

    check("euler", -1.8 + 0.4j)
    it.drag(handle, right=-0.7, up=1.6)
    check("euler", -2.5 + 2j)
    for method in ["midpoint", "heun3", "rk4", "dopri5", "implicit Euler"]:
        it.root.get_by_label("method").select_option(method)
        check(method, -2.5 + 2j)
    it.press(handle, "ArrowRight", "PageDown", "ArrowDown")
    check("implicit Euler", -2.45 + 1.45j)
    it.press(handle, "End")
    check("implicit Euler", 2.5 + 1.45j)


class Counted:
    """A field for torchdiffeq, which counts its calls and keeps the accepted steps."""

    def __init__(self, f) -> None:
        self.f, self.calls, self.steps = f, 0, []

    def __call__(self, t, y):
        self.calls += 1
        return torch.stack(self.f(t, y))

    def callback_accept_step(self, t, y, h) -> None:
        self.steps.append((t.item(), y.numpy().copy()))


def of(name: str, x):
    """The function `name` of a number or a tensor, for fields that meet both."""
    return getattr(torch if torch.is_tensor(x) else math, name)(x)


PROBLEMS = {
    "Brusselator": (
        lambda t, y: [1 + y[0] ** 2 * y[1] - 4 * y[0], 3 * y[0] - y[0] ** 2 * y[1]], [1.5, 3.0], 10,
    ),
    "pendulum": (lambda t, y: [y[1], -of("sin", y[0])], [2.0, 0.0], 10),
    "damped equation": (lambda t, y: [-100 * (y[0] - of("cos", t))], [2.0], 5),
}  # fmt: skip


def test_tolerance(page):
    it, handle = Explorer(page, "tolerance"), "tolerance, power of ten"

    def check(problem: str, power: float) -> dict[str, str]:
        f, y, T = PROBLEMS[problem]
        count, longer, tol, shown = Counted(f), Counted(f), 10**power, it.shown()
        for field, end in [(count, T), (longer, T + 3)]:
            start, ends = torch.tensor(y).double(), torch.tensor([0, end]).double()
            odeint(field, start, ends, method="dopri5", rtol=tol, atol=tol)
        # the longer run goes the same way; its next step begins where the last one ends
        steps = longer.steps[: len(count.steps) + 1]
        times = [t for t, _ in steps]
        reference = solve_ivp(
            f, (0, times[-1]), y, "DOP853", times, rtol=1e-12, atol=1e-13
        ).y.T
        pairs = zip(reference, steps, strict=True)
        worst = max(np.linalg.norm(exact - y) for exact, (_, y) in pairs)
        agrees(shown["tolerance"], tol)
        agrees(shown["largest error"], worst, 2)
        assert int(shown["evaluations"]) == count.calls
        assert int(shown["accepted"]) == len(count.steps)
        attempts = len(count.steps) + int(shown["rejected"])
        assert count.calls == 2 + 6 * attempts
        return shown

    check("Brusselator", -3)
    it.drag(handle, right=-1.5)
    check("Brusselator", -4.5)
    it.root.get_by_label("problem").select_option("pendulum")
    check("pendulum", -4.5)
    it.press(handle, "ArrowLeft", "ArrowDown", "ArrowRight")
    check("pendulum", -4.75)
    it.root.get_by_label("problem").select_option("damped equation")
    it.press(handle, "End", "PageDown", "ArrowRight", "ArrowRight")
    shown = check("damped equation", -4)
    it.root.get_by_label("control").select_option("PI")
    calmer = it.shown()
    assert int(calmer["rejected"]) < int(shown["rejected"]) / 3


def gradients(targets: list[float], start: float, rate: float):
    """Loss, dl/dy0 and dl/dtheta by automatic differentiation through a solver."""
    y0, theta = (
        torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (start, rate)
    )
    times = torch.tensor([0, 2, 3.5, 5, 6.5], dtype=torch.float64)
    y = odeint(lambda t, y: torch.sin(t) - theta * y, y0, times, rtol=1e-10, atol=1e-10)
    loss = ((y[1:] - torch.tensor(targets)) ** 2).sum() / 2
    loss.backward()
    return loss.item(), y0.grad.item(), theta.grad.item()


def test_adjoint(page):
    it = Explorer(page, "adjoint")
    hours = ["2", "3.5", "5", "6.5"]

    def check(start: float, rate: float, *changed: tuple[int, float]) -> None:
        at = [it.handle(f"target at {t}").get_attribute("aria-valuenow") for t in hours]
        targets, shown = list(map(float, at)), it.shown()
        for place, target in changed:
            assert targets[place] == target
        loss, by_start, by_rate = gradients(targets, start, rate)
        agrees(shown["y(0) ="], start)
        agrees(shown["θ ="], rate)
        agrees(shown["ℓ ="], loss)
        agrees(shown["dℓ/dy₀ = a(0) ="], by_start)
        agrees(shown["dℓ/dθ ="], by_rate)

    check(1.5, 0.7, (3, 1.0))
    it.drag("target at 6.5", up=-2.2)
    check(1.5, 0.7, (3, -1.2))
    it.press("target at 3.5", "PageUp", "PageUp", "ArrowDown", "End")
    check(1.5, 0.7, (1, 2.0))
    it.drag("starting point", up=-1.5)
    check(0.0, 0.7)
    it.press("θ", "ArrowRight", "ArrowRight")
    check(0.0, 0.9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_screen_reader_is_told(page, kind):
    it = Explorer(page, kind)
    status = it.root.get_by_role("status")
    handle = it.root.locator("g[role=slider]").first
    before = status.text_content(), handle.get_attribute("aria-valuetext")
    handle.press("ArrowLeft")
    assert (status.text_content(), handle.get_attribute("aria-valuetext")) != before
    assert status.get_attribute("aria-busy") == "true"  # said when the reader pauses
    page.wait_for_selector(f"[data-explorer={kind}] [aria-busy=false]")
    assert it.root.get_attribute("role") == "group"
    assert it.root.get_attribute("aria-label")
    for slider in it.root.locator("g[role=slider]").all():
        low, now, high = (
            float(slider.get_attribute(f"aria-value{end}"))
            for end in ("min", "now", "max")
        )
        assert low <= now <= high and slider.get_attribute("aria-label")
    assert page.evaluate("document.getAnimations().length") == 0


def test_without_scripts_the_page_shows_the_images(book, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((book / "sec-one.html").as_uri())
    assert page.locator("figure img").count() == len(KINDS)
    assert all(image.is_visible() for image in page.locator("figure img").all())
    assert not any(root.is_visible() for root in page.locator(".explorer").all())
    context.close()


def test_in_print_and_in_the_e_book_an_explorer_is_an_image(book):
    pdf = PdfReader(book / "small.pdf")
    assert sum(len(page.images) for page in pdf.pages) == len(KINDS)
    text = "".join(page.extract_text() for page in pdf.pages)
    assert "Run this cell" not in text and "explorer" not in text.replace(
        "explorer(", ""
    )
    with zipfile.ZipFile(book / "small.epub") as epub:
        chapters = [epub.read(name) for name in epub.namelist() if "text/ch" in name]
    soups = [BeautifulSoup(chapter, "html.parser") for chapter in chapters]
    assert sum(len(soup.select("figure img")) for soup in soups) == len(KINDS)
    assert not any(
        soup.select("script, body style, .explorer, noscript") for soup in soups
    )
