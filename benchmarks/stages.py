"""Build the project in a folder and print the seconds of each stage: `python -m benchmarks.stages ROOT`.

A process of its own for every build, so that none profits from what an earlier one may have cached.
"""

import io
import json
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from time import perf_counter
from unittest import mock

from render import BookError
from render import __main__ as book

STAGES = ["check_notebooks", "read_book", "write_pdf", "write_pages", "write_epub"]


def seconds(root: Path) -> dict[str, float]:
    """Seconds of the build of the project at `root`, by stage and in all, as `build`."""
    taken = {}

    def timed(name, stage, *arguments):
        begin = perf_counter()
        said = stage(*arguments)
        taken[name] = perf_counter() - begin
        return said

    patches = {name: partial(timed, name, getattr(book, name)) for name in STAGES}
    with mock.patch.multiple(book, **patches), redirect_stdout(io.StringIO()):
        timed("build", book.build, root)
    return taken


if __name__ == "__main__":
    try:
        print(json.dumps(seconds(Path(sys.argv[1]))))
    except BookError as error:
        sys.exit(str(error))
