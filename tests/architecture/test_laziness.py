"""Importing the gateway loads nothing that an operator may leave out, or that he may never use."""

from __future__ import annotations

import importlib
import subprocess
import sys
from configparser import ConfigParser

import pytest

from tests.architecture.test_imports import LOADED_LATE
from tests.architecture.tree import ROOT

# What the extras bring is imported under other names than it is installed by.
MODULES = {
    "botocore": "botocore",
    "redis": "redis",
    "google-auth": "google.auth",
}
PROGRAM = "import sys, proxy.__main__, proxy.app, proxy.commands.serve; print(*sys.modules)"

HELP = "import sys, proxy.__main__; proxy.__main__.parser().format_help(); print(*sys.modules)"
# Each takes megabytes, or a good part of the time of a start.
UNUSED = frozenset(
    {
        "alembic",
        "asyncpg",
        "cryptography",
        "jwt",
        "sqlalchemy.dialects.postgresql",
        *LOADED_LATE,
    }
) - {"proxy.commands.serve", "proxy.server"}


def loaded_by(program: str) -> set[str]:
    """The modules that a program has loaded at its end."""
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_what_a_small_gateway_does_not_use_is_not_loaded() -> None:
    loaded = loaded_by(PROGRAM)
    assert "proxy.runtime" in loaded
    assert sorted(loaded & UNUSED) == []


def test_help_loads_no_library() -> None:
    loaded = loaded_by(HELP)
    assert loaded.isdisjoint({"sqlalchemy", "aiohttp", "pydantic", "starlette", "hypercorn"})


@pytest.mark.parametrize("name", LOADED_LATE)
def test_what_is_loaded_late_can_be_loaded(name: str) -> None:
    assert importlib.import_module(name).__name__ == name


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
    loaded = loaded_by(PROGRAM)
    assert "pipelines.registry" in loaded
    assert loaded.isdisjoint({*MODULES.values(), "openai", "anthropic", "cohere", "requests"})
