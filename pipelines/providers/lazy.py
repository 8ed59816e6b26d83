"""The catalogue as a mapping that reads a row when it is asked for.

The rule: cutting is cheap and reading is strict; a gateway that uses three providers reads three
rows, and all of them are read only where all are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping

from pipelines.provider import Provider

_HEAD = re.compile(r'^\[(?:"([^"\n]+)"|([A-Za-z0-9_-]+))[\].]', re.MULTILINE)
_QUOTED = re.compile(r'"([^"\n]+)"')

Read = Callable[[str, str], Mapping[str, Provider]]


class Twice(Exception):
    """A provider that stands in two files; the message names it and the second file."""


class Catalog(Mapping[str, Provider]):
    """Providers by name, in the order of the files; `read` makes the rows of one piece of TOML,
    of which it is told the file's name."""

    def __init__(self, sources: Iterable[tuple[str, str]], read: Read) -> None:
        self._read = read
        self._pieces: dict[str, tuple[str, list[str]]] = {}
        self._known: dict[str, Provider] = {}
        for source, text in sources:
            self._cut(source, text)

    def _cut(self, source: str, text: str) -> None:
        heads = list(_HEAD.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)]
        for head, end in zip(heads, ends, strict=False):
            name = head[1] or head[2]
            where, pieces = self._pieces.setdefault(name, (source, []))
            if where != source:
                raise Twice(f"{source}: provider {name!r} stands in the catalogue twice")
            pieces.append(text[head.start() : end])

    def naming(self, words: Container[str]) -> frozenset[str]:
        """The providers in whose rows one of these words stands in quotes; reads no row."""
        return frozenset(
            name
            for name, (_, pieces) in self._pieces.items()
            if any(word in words for piece in pieces for word in _QUOTED.findall(piece))
        )

    def __getitem__(self, name: str) -> Provider:
        known = self._known.get(name)
        if known is None:
            source, pieces = self._pieces[name]
            known = self._known[name] = self._read(source, "".join(pieces))[name]
        return known

    def __contains__(self, name: object) -> bool:
        return name in self._pieces

    def __iter__(self) -> Iterator[str]:
        return iter(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)
