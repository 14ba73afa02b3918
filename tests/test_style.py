"""One style for all code, in modules and in notebooks."""

import subprocess
import sys

import pytest

from render import ROOT


@pytest.mark.parametrize(
    "command", [["check"], ["format", "--check"]], ids=lambda words: words[0]
)
def test_ruff(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
