"""Cuts bytes into the pieces in which a network may deliver them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from hypothesis import strategies as st

Pieces = list[bytes]

SHORT = 2000


def at(raw: bytes, *places: int) -> Pieces:
    """The bytes cut at these places."""
    edges = [0, *sorted(set(places)), len(raw)]
    return [raw[begin:end] for begin, end in pairwise(edges) if begin < end]


def one_by_one(raw: bytes) -> Pieces:
    """Every byte by itself."""
    return [raw[place : place + 1] for place in range(len(raw))]


def every_cut(raw: bytes) -> Iterator[Pieces]:
    """The bytes in two pieces, cut at every offset."""
    return (at(raw, place) for place in range(1, len(raw)))


def every_way(raw: bytes) -> Iterator[Pieces]:
    """The bytes whole, cut at every offset, and one by one."""
    yield [raw]
    yield from every_cut(raw)
    yield one_by_one(raw)


@st.composite
def cut_anywhere(draw: st.DrawFn, raws: st.SearchStrategy[bytes]) -> tuple[bytes, Pieces]:
    """Bytes, and the same bytes cut at random places."""
    raw = draw(raws)
    places = draw(st.lists(st.integers(0, len(raw)), max_size=12))
    return raw, at(raw, *places)


def spread(raw: bytes, count: int, boundaries: Iterable[int] = ()) -> Iterator[Pieces]:
    """The bytes in two pieces, cut at every offset of a short stream, else at so many spread ones,
    and at the given boundaries."""
    step = 1 if len(raw) <= SHORT else max(1, len(raw) // count)
    places = {*range(1, len(raw), step), *boundaries} - {0, len(raw)}
    return (at(raw, place) for place in sorted(places))
