"""The embedded renderer: Pandoc with Lua filters, and Typst, from the notebooks to the book."""

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BookError(Exception):
    """Something in the sources is wrong; `lines` says what, one line a problem."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def status(work: Callable[[], int | None], interrupted: str) -> int:
    """The exit status of a command that does `work`: what that returns, or 0.

    It is 1 after a BookError, whose lines are printed, and 130 if the person stops it, who is told
    what `interrupted` says.
    """
    try:
        return work() or 0
    except BookError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
