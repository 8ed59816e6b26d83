"""Importing the gateway loads nothing that an operator may leave out."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser

from tests.architecture.tree import ROOT

# What the extras bring is imported under other names than it is installed by.
MODULES = {
    "botocore": "botocore",
    "redis": "redis",
    "google-auth": "google.auth",
}
PROGRAM = "import sys, proxy.__main__, proxy.app, proxy.commands.serve; print(*sys.modules)"


def test_no_extra_is_loaded_with_the_gateway() -> None:
    found = ConfigParser()
    found.read(ROOT / "setup.cfg")
    extras = found["options.extras_require"]
    wanted = [
        line.split(">=")[0]
        for name, lines in extras.items()
        if name not in ("test", "dev")
        for line in lines.split()
    ]
    assert set(wanted) <= set(MODULES), "name here what a new extra is imported as"
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(run.stdout.split())
    assert "pipelines.registry" in loaded
    assert loaded.isdisjoint({*MODULES.values(), "openai", "anthropic", "cohere", "requests"})
