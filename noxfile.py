"""The suite under conditions other than this machine's: `nox` runs all, `nox -l` lists them.

It takes an hour; `nox -s "threads(count=4)" -- notebooks/05-adjoint-method.ipynb` tries a part.
"""

from pathlib import Path

import nox

nox.options.error_on_missing_interpreters = False  # they are skipped, and say so
OLDEST_TORCH = "2.6.0"  # the first for Python 3.13
NOTEBOOKS = "notebooks"


def suite(session: nox.Session, *parts: str | Path, **environment: str) -> None:
    """Run these parts of the suite, or all of it."""
    session.run("pytest", "-n", "2", "--dist", "loadscope", *parts, env=environment)


@nox.session(python=["3.11", "3.12", "3.13"])
def python(session: nox.Session) -> None:
    """Each Python that requirements.txt can be installed for."""
    session.install("-r", "requirements.txt")
    suite(session, *session.posargs)


@nox.session
@nox.parametrize("count", [1, 2, 4])
def threads(session: nox.Session, count: int) -> None:
    """So many threads in NumPy, SciPy and torch, and another order of sets for each."""
    session.install("-r", "requirements.txt")
    copies = Path(session.create_tmp())
    for path in Path(NOTEBOOKS).glob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        text = text.replace(
            "torch.set_num_threads(1)", f"torch.set_num_threads({count})"
        )
        (copies / path.name).write_text(text, encoding="utf-8")
    parts = [copies / Path(part).name for part in session.posargs] or [copies]
    suite(
        session, *parts, OMP_NUM_THREADS=str(count), OPENBLAS_NUM_THREADS=str(count),
        PYTHONHASHSEED=str(count),
    )  # fmt: skip


@nox.session
def dtype(session: nox.Session) -> None:
    """A kernel in which torch's default is float64 before the first cell runs."""
    session.install("-r", "requirements.txt")
    startup = Path(session.create_tmp(), "profile_default", "startup")
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "dtype.py").write_text(
        "import torch\ntorch.set_default_dtype(torch.float64)\ndel torch\n"
    )
    parts = session.posargs or [NOTEBOOKS]
    suite(session, *parts, IPYTHONDIR=str(startup.parent.parent))


@nox.session
@nox.parametrize("version", [f"=={OLDEST_TORCH}", ""], ids=["oldest", "newest"])
def torch(session: nox.Session, version: str) -> None:
    """The oldest torch that the notebooks are meant for, and the newest there is."""
    session.install("-r", "requirements.txt")
    session.install("--upgrade", f"torch{version}")
    suite(session, *(session.posargs or [NOTEBOOKS]))
