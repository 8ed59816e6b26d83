"""`python -m tests.fuzz`: feed mutated recordings to the readers, and tell what came out.

The rule: only errors of our own tree may come out, in time, and without growing. A finding is told
once, with its seed, and the run ends with 1.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

from pipelines.errors import GatewayError
from tests.fuzz.subjects import Seed, Subject, subjects

SLOW = 0.5
SLOW_PER_MEGABYTE = 1.0
HANGS_AFTER = 20
LOOK_EVERY = 1_000
GROWTH_MB = 96
STATM = Path("/proc/self/statm")
PAGES_PER_MB = 256


class Hang(BaseException):
    """One input took longer than any may."""


class Findings:
    """What went wrong, each kind once."""

    def __init__(self, keep: Path | None = None) -> None:
        self._keep = keep
        self.counts: dict[str, int] = {}

    def add(self, kind: str, words: str, seed: Seed) -> None:
        """Count it; tell the first of its kind, and keep its input where a folder was named."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] > 1:
            return
        print(f"FOUND {kind}\n{words}\n  input: {seed.media.name} {seed.raw[:600]!r}", flush=True)
        if self._keep is not None:
            self._keep.mkdir(parents=True, exist_ok=True)
            (self._keep / f"{len(self.counts)}.{seed.media.name.lower()}").write_bytes(seed.raw)


def parser() -> argparse.ArgumentParser:
    """The options."""
    grammar = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    grammar.add_argument("--reader", metavar="A,B", help="those whose name holds one of these")
    grammar.add_argument("--minutes", type=float, default=0.25, help="for each of them (0.25)")
    grammar.add_argument("--seed", type=int, default=1, help="another seed is another run")
    grammar.add_argument("--keep", type=Path, metavar="FOLDER", help="keeps the inputs found")
    grammar.add_argument("--list", action="store_true", help="names what can be fuzzed")
    return grammar


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; 1 where anything was found."""
    options = parser().parse_args(arguments)
    chosen = {
        name: one
        for name, one in subjects().items()
        if not options.reader or any(word in name for word in options.reader.split(","))
    }
    if options.list or not chosen:
        print("\n".join(chosen or subjects()))
        return 0 if options.list else 2
    found = 0
    for name, subject in chosen.items():
        findings = Findings(options.keep and options.keep / name.replace("/", "-"))
        count, refused = run(subject, options.minutes * 60, Random(options.seed), findings)
        found += len(findings.counts)
        told = ", ".join(f"{kind} ×{number}" for kind, number in findings.counts.items())
        print(f"{name:28} {count:9,} inputs, {refused:9,} refused, found: {told or 'nothing'}")
        sys.stdout.flush()
    return 1 if found else 0


def run(
    subject: Subject, seconds: float, chance: Random, findings: Findings, most: int = sys.maxsize
) -> tuple[int, int]:
    """Feed one subject for so long, or so many inputs; gives how many, and how many were errors
    of our tree."""
    end = time.monotonic() + seconds
    count = refused = 0
    before = 0
    with alarmed():
        for seed in subject.endless():
            if not one_input(subject, seed, chance, findings):
                findings.add(f"no limit for {seed.media.name}", "", seed)
        while time.monotonic() < end and count < most:
            seed = subject.input(chance)
            refused += one_input(subject, seed, chance, findings)
            count += 1
            if count == LOOK_EVERY:
                before = _resident_mb()
            elif count % LOOK_EVERY == 0 and _resident_mb() - before > GROWTH_MB:
                findings.add("growth", f"  {before} MB became {_resident_mb()} MB", seed)
                before = _resident_mb()
    return count, refused


def one_input(subject: Subject, seed: Seed, chance: Random, findings: Findings) -> bool:
    """Feed one input; whether an error of our tree came out."""
    begin = time.process_time()
    refused = False
    signal.alarm(HANGS_AFTER)
    try:
        subject.feed(seed, chance)
    except GatewayError:
        refused = True
    except (Exception, Hang) as error:
        findings.add(_kind(error), "".join(traceback.format_exception(error)[-5:]), seed)
    finally:
        signal.alarm(0)
    spent = time.process_time() - begin
    if spent > SLOW + SLOW_PER_MEGABYTE * len(seed.raw) / 1e6:
        findings.add("slow", f"  {spent:.2f} s for {len(seed.raw)} bytes", seed)
    return refused


def _kind(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = [one for one in traceback.extract_tb(error.__traceback__) if "pipelines" in one.filename]
    place = ours[-1] if ours else last
    path = "/".join(Path(place.filename).parts[-2:])
    return f"{type(error).__name__} in {path}:{place.name}"


@contextmanager
def alarmed() -> Iterator[None]:
    """While it lasts, an alarm is a Hang."""

    def hang(number: int, frame: FrameType | None) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, hang)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)


def _resident_mb() -> int:
    return int(STATM.read_text().split()[1]) // PAGES_PER_MB if STATM.exists() else 0


if __name__ == "__main__":
    sys.exit(main())
