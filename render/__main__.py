"""Render the book from the notebooks' stored outputs: `python -m render`."""

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path

import pypandoc
import typst
import yaml

from render import ROOT, BookError, notebooks, pages, pdf, status

HERE = Path(__file__).resolve().parent


def settings(root: Path) -> dict[str, str]:
    """What the renderer takes from `_quarto.yml`, where Quarto reads the same."""
    try:
        config = yaml.safe_load((root / "_quarto.yml").read_text(encoding="utf-8"))
        book = config["book"]
        (source,) = book["chapters"]
        offset = config["format"]["html"]["number-offset"]
        return {
            "title": book["title"],
            "author": book["author"],
            "description": book["description"],
            "source": source,
            "name": book["output-file"],
            "offset": str(offset),
            "heading": f"{offset + 1} {book['title']}",
            "bibliography": config["bibliography"],
            "repository": (book.get("repo-url") or "").rstrip("/"),
            "branch": book.get("repo-branch", "main"),
        }
    except OSError as error:
        raise BookError(f"_quarto.yml: cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise BookError(f"_quarto.yml: {' '.join(str(error).split())}") from error
    except KeyError as error:
        raise BookError(f"_quarto.yml: lacks the key {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise BookError("_quarto.yml: is no book of one chapter") from error


def pandoc(folder: Path, *arguments: str | Path) -> None:
    """Run Pandoc in `folder`; what it complains of is an error."""
    # More room before it collects garbage makes Pandoc a tenth faster.
    room = ["+RTS", "-A128m", "-RTS"]
    command = [pypandoc.get_pandoc_path(), *room, "--fail-if-warnings", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode or done.stderr:
        lines = done.stderr.strip().splitlines()
        # What the filters say is plain; Pandoc's own warnings are worth a line without it only.
        raise BookError(*([line for line in lines if line[0] != "["] or lines))


def check_notebooks(root: Path) -> str:
    """Make sure that every notebook has the form the book needs and stands in the chapter."""
    chapters = "".join(
        path.read_text(encoding="utf-8") for path in (root / "chapters").glob("*.qmd")
    )
    found, paths = [], sorted((root / "notebooks").glob("*.ipynb"))
    for path in paths:
        name = f"notebooks/{path.name}"
        found += notebooks.problems(path, name)
        if name not in chapters:
            found.append(f"{name}: is embedded in no chapter")
    if found:
        raise BookError(*found)
    return f"{len(paths)} notebooks have stored outputs in order"


def read_book(root: Path, config: dict[str, str], work: Path) -> str:
    """Bring index.qmd, the chapter and the notebooks together in `work`/book.json."""
    pandoc(
        root, "--from=markdown", config["source"], f"--lua-filter={HERE / 'book.lua'}",
        "--metadata=link-citations", f"--metadata=number-offset={config['offset']}",
        f"--metadata=bibliography={config['bibliography']}", f"--metadata=media={work}",
        "--to=json", f"--output={work / 'book.json'}",
    )  # fmt: skip
    return "every reference and citation resolved"


def _write(
    work: Path, config: dict[str, str], filter_name: str, *arguments: str | Path
) -> None:
    pandoc(
        work, "book.json", f"--lua-filter={HERE / filter_name}", "--mathml",
        "--syntax-highlighting=none",  # see render/colours.py
        f"--metadata=title={config['title']}", f"--metadata=author={config['author']}",
        f"--metadata=description={config['description']}", "--metadata=lang=en-GB",
        f"--variable=booktitle={escape(config['heading'])}", *arguments,
    )  # fmt: skip


def write_pages(work: Path, config: dict[str, str]) -> str:
    """The HTML pages, one a section."""
    _write(
        work, config, "html.lua", "--to=chunkedhtml", "--split-level=1", "--section-divs",
        "--chunk-template=%i.html", f"--template={HERE / 'html' / 'page.html'}", "--output=book",
    )  # fmt: skip
    written = pages.finish(
        work / "book", config["heading"], config["repository"], config["branch"]
    )
    for name in ["style.css", "script.js", "search.js", "minisearch.js", "favicon.svg"]:
        shutil.copy(HERE / "html" / name, work / "book")
    return f"{len(written)} HTML pages"


def write_epub(work: Path, config: dict[str, str]) -> str:
    """The e-book."""
    _write(
        work, config, "html.lua", "--to=epub3", "--split-level=2", "--toc-depth=3",
        f"--css={HERE / 'epub.css'}", f"--output={config['name']}.epub",
    )  # fmt: skip
    return "EPUB"


def write_pdf(work: Path, config: dict[str, str]) -> str:
    """The printed book."""
    _write(
        work, config, "typst.lua", "--to=typst-citations", f"--template={HERE / 'book.typ'}",
        "--wrap=none", "--output=book.typ",
    )  # fmt: skip
    name = f"{config['name']}.pdf"
    try:
        compiled, warnings = typst.compile_with_warnings(
            work / "book.typ", ignore_system_fonts=True, pdf_standards=["ua-1"]
        )
    except typst.TypstError as error:
        raise BookError(f"{name}: Typst: {error}") from error
    if warnings:
        raise BookError(*(f"{name}: Typst: {warning}" for warning in warnings))
    pdf.pack(compiled, work / "images", work / name)
    return "PDF"


def swap(new: Path, target: Path, work: Path) -> None:
    """Put the folder `new` in the place of `target`, which stays whole if that fails."""
    earlier = work / "earlier"
    try:
        if target.exists():
            if not target.is_dir():
                raise NotADirectoryError(20, "not a folder")
            target.rename(earlier)
        new.rename(target)
    except OSError as error:
        if earlier.exists():
            earlier.rename(target)
        raise BookError(
            f"{target.name}: cannot be replaced: {error.strerror}"
        ) from error


def build(root: Path) -> list[Path]:
    """Render the book of the project at `root` to its `_book`; returns the files to open.

    Raises BookError if the sources are at fault; an earlier `_book` stays whole then.
    """
    config = settings(root)
    files = [f"{config['name']}.pdf", f"{config['name']}.epub"]
    _say(check_notebooks(root))
    work = root / f".book-{os.getpid()}"
    try:
        work.mkdir()
        _say(read_book(root, config, work))
        with ThreadPoolExecutor() as pool:
            for done in pool.map(
                lambda write: write(work, config), [write_pdf, write_pages, write_epub]
            ):
                _say(done)
        if not config["repository"]:  # the pages link to copies
            shutil.copytree(
                root / "notebooks", work / "book" / "notebooks",
                ignore=shutil.ignore_patterns(".*"),
            )  # fmt: skip
        for name in files:
            (work / name).rename(work / "book" / name)
        swap(work / "book", root / "_book", work)
    except OSError as error:
        raise BookError(f"{error.filename}: {error.strerror}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return [root / "_book" / name for name in ["index.html", *files]]


def _say(text: str) -> None:
    print(f"book  {text}", flush=True)


def main(root: Path = ROOT) -> int:
    """Build and report; 0 if the book is there."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    def work() -> None:
        for path in build(root):
            _say(str(path.relative_to(root)))

    return status(work, "interrupted; the earlier _book stays as it was")


if __name__ == "__main__":
    sys.exit(main())
