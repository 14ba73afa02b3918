"""The embedded renderer: Pandoc with Lua filters, and Typst, from the notebooks to the book."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BookError(Exception):
    """Something in the sources is wrong; `lines` says what, one line a problem."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
