"""Spools for tests, and what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proxy.stores.journal.frames import unpacked
from proxy.stores.journal.room import SpoolRules
from proxy.stores.journal.segments import Reader
from proxy.stores.journal.spool import Spool
from tests.fakes.ports import FakeClock


@contextmanager
def a_spool(root: Path, clock: FakeClock | None = None, **rules: object) -> Iterator[Spool]:
    """A spool that is closed at the end."""
    spool = Spool(root, clock or FakeClock(), SpoolRules(**rules), 0.0)  # type: ignore[arg-type]
    try:
        yield spool
    finally:
        spool.close()


def ids(spool: Spool | Reader, limit: int = 1_000) -> list[str]:
    """The ids of the next records."""
    batch = spool.batch(limit)
    return [unpacked(one, batch.names).id for one in batch.payloads]


def folder_of(root: Path) -> Path:
    """The only spool's folder."""
    (found,) = [one for one in root.iterdir() if one.is_dir()]
    return found
