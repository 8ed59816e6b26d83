"""What is wrong with a configuration, and where.

The rule: problems are collected, never thrown one by one; each names its file, its line and the
path of the key, and its text has been scrubbed of secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from proxy.config.masking import Vault, plain

Level = Literal["error", "warning", "note"]
Trail = tuple[str | int, ...]

NOT_ACTIVE = "not active yet"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands: its file, its line and its path within that file."""

    file: str
    line: int
    trail: Trail


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong (error), doubtful (warning) or worth knowing (note)."""

    level: Level
    where: str
    line: int | None
    file: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.where, self.message) if part)


class Problems:
    """Collects problems by the path of the key that they are about."""

    def __init__(self, file: str, vault: Vault) -> None:
        self._file = file
        self._vault = vault
        self._spots: Mapping[Trail, Spot] = {}
        self._found: list[tuple[Level, Spot | None, Trail, str]] = []

    def locate(self, spots: Mapping[Trail, Spot]) -> None:
        """From now on, say where these paths stand."""
        self._spots = spots

    def error(self, trail: Trail, message: str) -> None:
        """The configuration cannot be served with this."""
        self._add("error", trail, message)

    def warning(self, trail: Trail, message: str) -> None:
        """The configuration can be served, but probably not as it was meant."""
        self._add("warning", trail, message)

    def note(self, trail: Trail, message: str) -> None:
        """Worth knowing; nothing to mend."""
        self._add("note", trail, message)

    def at(self, level: Level, spot: Spot, message: str) -> None:
        """A problem of a place that is known already."""
        self._found.append((level, spot, spot.trail, message))

    @property
    def failed(self) -> bool:
        """Whether there is an error among them."""
        return any(level == "error" for level, *_ in self._found)

    def found(self) -> tuple[Problem, ...]:
        """All problems so far, each once, in the file's order, scrubbed of all secrets."""
        problems = dict.fromkeys(self._problem(*entry) for entry in self._found)
        return tuple(sorted(problems, key=self._rank))

    def _rank(self, problem: Problem) -> tuple[bool, str, int]:
        return problem.file != self._file, problem.file, problem.line or 0

    def _add(self, level: Level, trail: Trail, message: str) -> None:
        for length in range(len(trail), 0, -1):
            spot = self._spots.get(trail[:length])
            if spot is not None:
                self._found.append((level, spot, (*spot.trail, *trail[length:]), message))
                return
        self._found.append((level, None, trail, message))

    def _problem(self, level: Level, spot: Spot | None, trail: Trail, message: str) -> Problem:
        where, message = (self._vault.scrub(text) for text in (written(trail), message))
        if spot is None:
            return Problem(level, where, None, self._file, message)
        return Problem(level, where, spot.line, spot.file, message)


def written(trail: Trail) -> str:
    """A path as people write it: `model_list[2].litellm_params.rpm`."""
    text = ""
    for step in trail:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{plain(step)}" if text else plain(step)
    return text
