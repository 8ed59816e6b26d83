"""`python -m tests.bench`: measure this commit, and print one table.

The rule: it ends with 0 whatever the figures are; a timing on a shared machine proves nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench import micro
from tests.bench.cases import CASES, Bench, warm_up
from tests.bench.checkout import NoRevision, checked_out, label
from tests.bench.process import (
    Child,
    NotStarted,
    free_port,
    raise_file_limit,
    two_cores,
)
from tests.bench.report import BASE, HERE, notes, table
from tests.bench.rounds import Results, run_rounds
from tests.bench.targets import (
    PROVIDER_READY,
    Server,
    Target,
    direct,
    floor,
    headgate,
    launch,
)
from tests.bench.tools import Tools, find_tools

ROOT = Path(__file__).resolve().parents[2]
SECONDS, QUICK_SECONDS = 2.0, 0.5
ROUNDS, QUICK_ROUNDS = 5, 1
FILES_WANTED = 4_096


def _cases(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in CASES]
    if wrong or not names:
        raise argparse.ArgumentTypeError(
            f"no case {', '.join(wrong)}; there are {', '.join(CASES)}"
        )
    return names


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The options."""
    grammar = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    grammar.add_argument(
        "--rounds", type=_rounds, help=f"default {ROUNDS}; {QUICK_ROUNDS} if quick"
    )
    grammar.add_argument("--cases", type=_cases, default=list(CASES), metavar="A,B")
    grammar.add_argument("--base", metavar="REV", help="measure this commit too, in the same run")
    grammar.add_argument("--json", metavar="FILE", help="keep every round's figures")
    grammar.add_argument("--quick", action="store_true", help="short runs: a look, no finding")
    return grammar


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run has to work with."""

    options: argparse.Namespace
    tools: Tools
    cores: tuple[int, int] | None
    scratch: Path

    @property
    def rounds(self) -> int:
        """How often everything is measured."""
        return self.options.rounds or (QUICK_ROUNDS if self.options.quick else ROUNDS)

    @property
    def seconds(self) -> float:
        """How long one run lasts."""
        return QUICK_SECONDS if self.options.quick else SECONDS


def say(line: str) -> None:
    """Progress, apart from the table."""
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; always 0."""
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if raise_file_limit() < FILES_WANTED:
        say(f"fewer than {FILES_WANTED} files may be open: 1,000 streams will not fit")
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as folder:
        scratch = Path(folder)
        tools = find_tools(ROOT, os.environ, scratch)
        # Built first: a process held to one core compiles on it.
        setting = Setting(options, tools, two_cores(), scratch)
        with contextlib.suppress(KeyboardInterrupt):
            _measure(setting)
            if options.cases == list(CASES):
                print()
                micro.main()
    return 0


def _measure(setting: Setting) -> None:
    load_before = os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        port = free_port()
        argv = (*setting.tools.provider, "-p", str(port))
        load_core = setting.cores[1] if setting.cores else None
        provider = stack.enter_context(Child(argv, setting.scratch, core=load_core))
        try:
            provider.until_healthy(port, PROVIDER_READY)
        except NotStarted as error:
            return say(f"the provider did not start: {error}")
        titles, servers = _start_all(setting, port, stack)
        if HERE not in titles:
            return None
        bench = Bench(setting.tools, provider.pid, setting.cores, setting.seconds, setting.scratch)
        for server in servers:
            warm_up(bench, server)
        results = run_rounds(
            bench, servers, direct(port), setting.options.cases, setting.rounds, say
        )
    _print(setting, results, titles, load_before)
    return None


def _start_all(
    setting: Setting, provider: int, stack: contextlib.ExitStack
) -> tuple[dict[str, str], list[Server]]:
    """Start what is measured, twice: only the second start finds its bytecode compiled."""
    titles: dict[str, str] = {}
    servers: list[Server] = []
    for title, target in _targets(setting, provider, stack):
        try:
            launch(target, None).close()
            server = launch(target, setting.cores[0] if setting.cores else None)
        except NotStarted as error:
            say(str(error))
            continue
        stack.callback(server.close)
        titles[target.name] = title
        servers.append(server)
    return titles, servers


def _targets(
    setting: Setting, provider: int, stack: contextlib.ExitStack
) -> list[tuple[str, Target]]:
    here = label(ROOT)
    found = [(f"here ({here})", headgate(HERE, ROOT, provider, setting.scratch))]
    if setting.tools.floor is not None:
        found.append(("floor", floor(setting.tools.floor, provider)))
    else:
        say("the floor is not measured: the rig is not here (HEADGATE_RIG may name its folder)")
    if setting.options.base:
        try:
            checked = checked_out(ROOT, setting.options.base, setting.scratch)
            tree, commit = stack.enter_context(checked)
            found.append((f"base ({commit})", headgate(BASE, tree, provider, setting.scratch)))
        except NoRevision as error:
            say(f"--base {setting.options.base} is not measured: {error}")
    return found


def _print(setting: Setting, results: Results, titles: dict[str, str], load_before: float) -> None:
    cores = setting.cores
    said = [
        f"rounds: {setting.rounds}, {setting.seconds:g} s a run; median (range); "
        "ratios are paired by round",
        f"measured with {setting.tools.words}",
        f"pinned: gateway on core {cores[0]}, load and provider on core {cores[1]}"
        if cores
        else "not pinned: the gateway shares its core with the load",
        *notes(results, load_before, os.getloadavg()[0]),
    ]
    if setting.options.quick:
        said.append("quick: enough to see that it runs, too short for a finding")
    print(table(results, titles, setting.tools.comparable))
    print("\n" + "\n".join(said))
    if setting.options.json:
        kept = {"when": time.time(), "titles": titles, "notes": said, **asdict(results)}
        Path(setting.options.json).write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
