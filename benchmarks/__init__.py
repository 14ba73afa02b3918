"""Measured comparisons and mutation testing, run by hand: see the Makefile's targets."""

import shutil
from pathlib import Path

from render.search import KINDS

# What begins a label: all that search finds, and the equations.
LABEL = f"(?:{'|'.join(sorted(KINDS | {'eq'}))})-"
SOURCES = ["_quarto.yml", "index.qmd", "references.bib", "chapters", "notebooks"]


def copy_sources(root: Path, folder: Path) -> None:
    """Copy what a book is made of from the project at `root` to the existing `folder`."""
    for source in SOURCES:
        copy = shutil.copytree if (root / source).is_dir() else shutil.copy
        copy(root / source, folder / source)
