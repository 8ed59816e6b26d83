"""Claude Code, unchanged, does a task with one tool call through the gateway.

The rule: the gateway is a process of its own and its provider speaks OpenAI's chat or Gemini's
dialect, so that every request and every reply is translated; what Claude Code did is read from its
file and its answer.

It needs node and npm, and reaches npm's registry once; then it runs without any account:

    make accept-claude-code
    python -m tests.accept.claude_code --program /path/to/claude
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.accept.scripted import Asked, Scripted, Turn, Use, scripted
from tests.e2e.configs import config, entry
from tests.e2e.gateway import KEY, Gateway, environment, running

PACKAGE = "@anthropic-ai/claude-code"
VERSION = "2.1.197"
SECONDS = 180
FILE = "greeting.txt"
WORDS = "Hello from the other side of the gateway: ä, 漢字, 🙂\n"
TASK = f"Write a greeting into the file {FILE}."
THOUGHT = "A file is wanted; the tool for that is Write."
DONE = "The greeting is written; the gateway passed it on whole."
# How the caller is proved, and who answers.
WAYS = (("ANTHROPIC_AUTH_TOKEN", "openai_like"), ("ANTHROPIC_API_KEY", "gemini"))
# https://docs.anthropic.com/en/docs/claude-code/settings#environment-variables
QUIET = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_AUTOUPDATER", "DISABLE_TELEMETRY")


class Missing(Exception):
    """Something that the machine lacks."""


def main() -> int:
    """Run the task in every way; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(description="Claude Code through a running gateway.")
    parser.add_argument("--program", help="the command `claude`, if it is installed already")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="headgate-accept-") as name:
            folder = Path(name)
            program = given.program or _installed(folder)
            for variable, provider in WAYS:
                accept(program, folder / provider, variable, provider)
    except Missing as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def accept(program: str, folder: Path, variable: str, provider: str) -> None:
    """One task from its prompt to its file; raises AssertionError where something is not so."""
    work = folder / "work"
    work.mkdir(parents=True)
    with _provider(work) as scripted_one:
        models = config(entry("*", f"{provider}/*", scripted_one.url))
        with running(folder, models) as gateway:
            answer = _claude(program, folder, gateway, variable)
    written = (work / FILE).read_text("utf-8")
    assert written == WORDS, f"the file holds {written!r}"
    assert answer["result"] == DONE, answer
    assert not answer["is_error"], answer
    assert answer["num_turns"] == 2, answer
    assert answer["usage"]["output_tokens"] > 0, answer
    turns = [one for one in scripted_one.asked if "Write" in one.tools]
    results = [one for one in turns if one.has_result]
    assert results, "the tool's result did not come back to the provider"
    calls = len(scripted_one.asked)
    how = f"{variable} and a provider of {turns[0].spoken}'s dialect"
    print(f"Claude Code with {how}: passed, {calls} calls, {len(turns)} with tools")


@contextmanager
def _provider(work: Path) -> Iterator[Scripted]:
    path = str(work / FILE)

    def answer(asked: Asked) -> Turn:
        if asked.has_result:
            return Turn(DONE)
        if "Write" not in asked.tools:
            return Turn("A greeting")
        return Turn(
            "I write the file.", THOUGHT, (Use("Write", {"file_path": path, "content": WORDS}),)
        )

    with scripted(answer) as provider:
        yield provider


def _installed(folder: Path) -> str:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Missing(
            "This needs node (18 or newer) and npm, or --program with an installed claude."
        )
    print(f"Installing {PACKAGE}@{VERSION} into a temporary folder")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
    made = subprocess.run(
        [*command, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise Missing(f"npm could not install {PACKAGE}:\n{made.stderr[-2000:]}")
    return str(folder / "node_modules" / ".bin" / "claude")


def _claude(program: str, folder: Path, gateway: Gateway, variable: str) -> dict[str, Any]:
    home = folder / "home"
    home.mkdir()
    own = {
        "HOME": str(home),
        "ANTHROPIC_BASE_URL": gateway.url,
        variable: KEY,
        **dict.fromkeys(QUIET, "1"),
    }
    made = subprocess.run(
        [program, "-p", TASK, "--output-format", "json", "--allowedTools", "Write"],
        cwd=folder / "work",
        env=environment(**own),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert made.returncode == 0, f"claude ended with {made.returncode}:\n{made.stdout}{made.stderr}"
    answer: dict[str, Any] = json.loads(made.stdout)
    return answer


if __name__ == "__main__":
    sys.exit(main())
