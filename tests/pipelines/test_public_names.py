"""What a plugin may import from `pipelines` is exactly this, and importing it costs little."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pipelines

PUBLIC = """
    CHAT EMBEDDINGS BadCall CacheScope Call Chain ClientError ConnectFailed Data Denied
    Deployment End Event Exchange FirstByteTimeout Flow Forbidden GatewayError Head Media
    Overloaded Ports Principal Proceed Record Rejected Stage StageFactory StageSpec
    StreamBroken TooLarge Unauthenticated UnknownModel Unsupported UpstreamError
    UpstreamFailed Usage assemble sharer stage_factory
"""
ALLOWED = {"orjson", "pipelines"}
# Followers of a recording wait for each other through asyncio, which loads ssl and logging.
HEAVY = {"http", "sqlite3", "multiprocessing", "aiohttp"}


def roots_after(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(run.stdout.split())


def test_the_public_names_are_these_and_no_others() -> None:
    assert pipelines.__all__ == PUBLIC.split()
    assert sorted(set(pipelines.__all__)) == sorted(pipelines.__all__)


def test_every_public_name_is_there() -> None:
    assert all(hasattr(pipelines, name) for name in pipelines.__all__)


def test_importing_them_needs_no_third_party_but_orjson() -> None:
    before, after = roots_after("pass"), roots_after("import pipelines")
    assert {name for name in after - before if name not in sys.stdlib_module_names} == ALLOWED


def test_importing_them_starts_no_machinery() -> None:
    assert not (roots_after("import pipelines") & HEAVY)


@pytest.mark.parametrize("first", ["pipelines.stages.log", "pipelines.errors", "pipelines.ports"])
def test_whatever_is_imported_first_there_is_no_cycle(first: str) -> None:
    assert "pipelines" in roots_after(f"import {first}")
