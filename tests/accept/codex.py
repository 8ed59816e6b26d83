"""Codex CLI, unchanged, does a task with one tool call through the gateway.

The rule: the gateway is a process of its own and its provider speaks another dialect than the
Responses API, so that every request and every reply is translated; what Codex did is read from its
file and its last words.

It needs node and npm, and reaches npm's registry once; then it runs without any account:

    make accept-codex
    python -m tests.accept.codex --program /path/to/codex
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.accept.scripted import Asked, Scripted, Turn, Use, scripted
from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, environment, running

PACKAGE = "@openai/codex"
VERSION = "0.169.0"
SECONDS = 180
FILE = "greeting.txt"
WORDS = "Hello from the other side of the gateway: ä, 漢字, 🙂"
TASK = f"Write a greeting into the file {FILE}."
DONE = "The greeting is written; the gateway passed it on whole."
PATCH = f"*** Begin Patch\n*** Add File: {FILE}\n+{WORDS}\n*** End Patch"
SHELL = f"cat > {FILE} <<'END'\n{WORDS}\nEND"
KEY_VARIABLE = "HEADGATE_KEY"
# https://developers.openai.com/codex/config-reference
SETTINGS = """\
model = "{model}"
model_provider = "headgate"

[model_providers.headgate]
name = "Headgate"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "HEADGATE_KEY"
request_max_retries = 0
stream_max_retries = 0
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One task: the deployment, the model that Codex believes in, and the tool by which the file
    is written. Codex offers `apply_patch`, whose input is no JSON, only to models that it knows."""

    deployed: str
    model: str
    tool: str

    @property
    def spoken(self) -> str:
        """Whose dialect the provider speaks."""
        return self.deployed.partition("/")[0]


CASES = (
    Case("openai_like/scripted-1", "scripted-1", "exec_command"),
    Case("anthropic/claude-sonnet-4-6", "scripted-1", "exec_command"),
    Case("openai_like/scripted-1", "gpt-5.5", "apply_patch"),
    Case("anthropic/claude-sonnet-4-6", "gpt-5.5", "apply_patch"),
)


class Missing(Exception):
    """Something that the machine lacks."""


def main() -> int:
    """Run all cases; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(description="Codex CLI through a running gateway.")
    parser.add_argument("--program", help="the command `codex`, if it is installed already")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="headgate-accept-") as name:
            folder = Path(name)
            program = given.program or _installed(folder)
            for case in CASES:
                accept(program, folder / f"{case.spoken}-{case.tool}", case)
    except Missing as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def accept(program: str, folder: Path, case: Case) -> None:
    """One task from its prompt to its file; raises AssertionError where something is not so."""
    work = folder / "work"
    work.mkdir(parents=True)
    with scripted(lambda asked: _turn(asked, case)) as provider:
        # To models that it knows Codex sends a `verbosity`, which others than OpenAI lack.
        models = config(entry(case.model, case.deployed, provider.url, drop_params=True))
        with running(folder, models) as gateway:
            said = _codex(program, folder, gateway, case)
            calls = gateway.ended(case.model, len(provider.asked))
    assert (work / FILE).is_file(), f"no file was written:\n{said}"
    written = (work / FILE).read_text("utf-8")
    assert written == f"{WORDS}\n", f"the file holds {written!r}"
    assert (folder / "last.txt").read_text("utf-8").strip() == DONE
    assert [one["outcome"] for one in calls] == ["ok", "ok"], calls
    _check_asked(provider, case)
    print(f"Codex with {case.tool} at {case.spoken}: passed, {len(provider.asked)} calls")


def _turn(asked: Asked, case: Case) -> Turn:
    if asked.has_result:
        return Turn(DONE)
    arguments = {"input": PATCH} if case.tool == "apply_patch" else {"cmd": SHELL}
    thought = f"A file is wanted; the tool for that is {case.tool}."
    return Turn("I write the file.", thought, (Use(case.tool, arguments),), "c2lnbmF0dXJl")


def _check_asked(provider: Scripted, case: Case) -> None:
    first, second = provider.asked
    assert case.tool in first.tools, first.tools
    assert second.has_result, "the tool's result did not come back to the provider"
    assert "signature" not in second.body, second.body
    if case.spoken == "anthropic":
        spoken = [one for one in second.messages if one["role"] == "assistant"]
        thoughts = [one for one in spoken[-1]["content"] if one["type"] == "thinking"]
        assert [one["signature"] for one in thoughts] == ["c2lnbmF0dXJl"], spoken


def _installed(folder: Path) -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing(
            "This needs node (18 or newer) and npm, or --program with an installed codex."
        )
    print(f"Installing {PACKAGE}@{VERSION} into a temporary folder")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
    made = subprocess.run(
        [*command, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise Missing(f"npm could not install {PACKAGE}:\n{made.stderr[-2000:]}")
    return str(folder / "node_modules" / ".bin" / "codex")


def _codex(program: str, folder: Path, gateway: Gateway, case: Case) -> str:
    home = folder / "home"
    home.mkdir()
    settings = SETTINGS.format(model=case.model, url=gateway.url)
    (home / "config.toml").write_text(settings, "utf-8")
    # Its own sandbox needs rights that a container may lack; the folder is a temporary one.
    freely = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
    made = subprocess.run(
        [program, "exec", *freely, "--output-last-message", str(folder / "last.txt"), TASK],
        cwd=folder / "work",
        env=environment(HOME=str(home), CODEX_HOME=str(home), **{KEY_VARIABLE: KEY}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    said = made.stdout + made.stderr
    assert made.returncode == 0, f"codex ended with {made.returncode}:\n{said}"
    return said


if __name__ == "__main__":
    sys.exit(main())
