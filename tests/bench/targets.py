"""What is measured: this commit, an earlier one, the floor, and the provider with no gateway.

The rule: each is started as its users start it, and answers the same requests.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.process import START_WITHIN, Child, NotStarted, free_port

HEALTH = "/health"
PROVIDER_READY = "/v1/models"
FLOOR_PARTS = "idle,send,httptools,eager,nodate"
MASTER_KEY = "sk-headgate-measures-itself"

CONFIG = """\
model_list:
  - model_name: "*"
    litellm_params:
      model: openai/*
      api_base: http://127.0.0.1:{port}/v1
      api_key: sk-provider
general_settings:
  master_key: {key}
litellm_settings:
  json_logs: true
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A way to start a server; `{port}` in its arguments and its environment is filled in."""

    name: str
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    key: str


@dataclass(slots=True)
class Server:
    """A target that runs. Without a child it is the provider itself."""

    target: Target
    port: int
    child: Child | None = None
    started: float = field(default=0.0)

    def close(self) -> None:
        """Stop it."""
        if self.child is not None:
            self.child.stop()


def headgate(name: str, tree: Path, provider: int, scratch: Path) -> Target:
    """The gateway as it stands in a source tree."""
    config = scratch / "gateway.yaml"
    config.write_text(CONFIG.format(port=provider, key=MASTER_KEY), "utf-8")
    argv = ("-m", "proxy", "serve", "--config", str(config), "--port", "{port}")
    # Several run at once, and none may find, or leave, what is the user's own.
    env = {"PYTHONPATH": str(tree), "HEADGATE_DATA_DIR": str(scratch / "data-{port}")}
    return Target(name, (sys.executable, *argv), tree, env, MASTER_KEY)


def floor(folder: Path, provider: int) -> Target:
    """The least that this stack can cost: it parses, compares a key and sends on."""
    env = {"PORT": "{port}", "UPSTREAM_PORT": str(provider), "HC": FLOOR_PARTS}
    return Target("floor", (sys.executable, "hcfast.py", "app:raw"), folder, env, "sk-rig")


def direct(provider: int) -> Server:
    """The provider, called with no gateway between."""
    return Server(Target("direct", (), Path(), {}, "sk-provider"), provider)


def launch(target: Target, core: int | None, port: int = 0) -> Server:
    """Start it, on a free port if none is given, and wait for its first healthy answer. Raises
    NotStarted."""
    port = port or free_port()
    argv, env = _filled(target, port)
    child = Child(argv, target.cwd, env, core)
    try:
        return Server(target, port, child, child.until_healthy(port, HEALTH))
    except NotStarted as error:
        child.stop()
        raise NotStarted(f"{target.name} did not start: {error}{_complaint(target)}") from None
    except BaseException:
        child.stop()
        raise


def _filled(target: Target, port: int) -> tuple[list[str], dict[str, str]]:
    argv = [one.replace("{port}", str(port)) for one in target.argv]
    return argv, {name: one.replace("{port}", str(port)) for name, one in target.env.items()}


def _complaint(target: Target) -> str:
    # While it is measured nobody listens to it; what it says is asked for in a second start.
    argv, env = _filled(target, free_port())
    with tempfile.TemporaryFile() as said:
        with Child(argv, target.cwd, env, errors=said) as child:
            if not child.wait(START_WITHIN / 3):
                return ""
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()
    return f" ({lines[-1]})" if lines else ""
