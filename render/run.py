"""Execute notebooks in place and normalise them: `python -m render.run NOTEBOOK…`."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from render import BookError, status
from render.notebooks import normalise, read

TIMEOUT = 600  # seconds for one cell


def run(path: Path) -> None:
    """Execute the notebook at `path` from a fresh kernel and store it; on an error it stays as it was."""
    notebook = read(path, str(path))
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise BookError(
            f"{_failed(path, notebook)}: {error.ename}: {error.evalue}"
        ) from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise BookError(f"{path}: {str(error).strip().splitlines()[0]}") from error
    normalise(notebook)
    nbformat.write(notebook, path)


def _failed(path: Path, notebook: nbformat.NotebookNode) -> str:
    for number, cell in enumerate(notebook.cells, start=1):
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            return f"{path}, cell {number}"
    return str(path)


def main() -> int:
    """Run what the command line names; 0 if all of it ran."""

    def work() -> None:
        for name in sys.argv[1:]:
            print(f"run   {name}", flush=True)
            run(Path(name))

    return status(work, "interrupted; the notebook stays as it was")


if __name__ == "__main__":
    sys.exit(main())
