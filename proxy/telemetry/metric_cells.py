"""The numbers behind the metrics, which several processes of a machine may add up.

The rule: a number is one machine word in a memory that outlives its process; whoever starts next
goes on with what a dead process has counted, so that no sum ever goes back while others run.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import orjson

try:
    import fcntl as _fcntl
except ImportError:  # Windows has no such locks; each process shows its own figures there.
    _LOCKS: ModuleType | None = None
else:
    _LOCKS = _fcntl

WIDTH = 8
# Eight megabytes of numbers, on the disk too; of memory that is not touched nothing is taken.
CAPACITY = 1 << 20
# What is not to be counted is counted here, which costs less than to ask.
SCRATCH = 64
RESERVE = 1 << 16
MOST_SLOTS = 256

Places = dict[str, dict[str, tuple[int, int]]]


@dataclass(slots=True)
class Slot:
    """The numbers of one process, alive or dead; `places` are offset and length by name and labels,
    the labels as they are shown."""

    numbers: memoryview[float]
    places: Places = field(default_factory=dict)
    alive: bool = True


class Cells:
    """Gives out numbers. With a `folder` they are kept there for all processes that name it, as
    long as their `stamp` is the same."""

    def __init__(self, folder: Path | None = None, stamp: str = "") -> None:
        self._folder = folder if _LOCKS is not None else None
        self._stamp = stamp
        self._next = SCRATCH
        self._file: BinaryIO | None = None
        self._index: BinaryIO | None = None
        self._others: dict[Path, _Other] = {}
        self.own = Slot(memoryview(mmap.mmap(-1, CAPACITY * WIDTH)).cast("d"))
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self._folder / "lock"):
                self._take(self._folder)

    @property
    def numbers(self) -> memoryview[float]:
        """The numbers of this process."""
        return self.own.numbers

    def room(self, name: str, labels: str, size: int) -> int:
        """Where the numbers of these labels stand, of which there are `size`; 0 where all is
        taken, which is a place that nobody reads."""
        known = self.own.places.setdefault(name, {})
        found = known.get(labels)
        if found is not None and found[1] == size:
            return found[0]
        start = self._next
        # A single number is small, and may be the one that tells of the others.
        if found is not None or start + size > CAPACITY - (RESERVE if size > 1 else 0):
            return 0
        self._next += size
        known[labels] = (start, size)
        if self._index is not None:
            self._index.write(orjson.dumps([name, labels, start, size]) + b"\n")
            self._index.flush()
        return start

    def slots(self) -> Iterator[Slot]:
        """This process, and every other one of the folder, dead ones too. May read files."""
        yield self.own
        if self._folder is None or self._file is None:
            return
        with _locked(self._folder / "lock"):
            found = list(_files(self._folder))
            for path in [path for path in self._others if path not in found]:
                del self._others[path]
            for path in found:
                if path.name != Path(self._file.name).name:
                    other = self._other(path)
                    if other.fits:
                        yield other.renewed()

    def close(self) -> None:
        """Let go of the files; what was counted stays for the next process."""
        if self._file is not None and _LOCKS is not None:
            # The mapped memory holds the file open, and with it the lock.
            _LOCKS.flock(self._file, _LOCKS.LOCK_UN)
        for file in (self._file, self._index):
            if file is not None:
                file.close()
        self._file = self._index = None
        self._others.clear()

    def _take(self, folder: Path) -> None:
        """The first place that nobody holds. Where nobody holds any, all begins anew."""
        files = list(_files(folder))
        free = [path for path in files if not _is_held(path)]
        if len(free) == len(files):
            for path in free:
                path.unlink()
                path.with_suffix(".index").unlink(missing_ok=True)
            free = []
        for path in free:
            if _Other(path, self._stamp).fits:
                return self._open(path)
            path.unlink()
            path.with_suffix(".index").unlink(missing_ok=True)
        taken = {path.stem for path in _files(folder)}
        number = next(one for one in range(MOST_SLOTS) if str(one) not in taken)
        path = folder / f"{number}.cells"
        path.with_suffix(".index").write_bytes(orjson.dumps([self._stamp]) + b"\n")
        return self._open(path)

    def _open(self, path: Path) -> None:
        file = path.open("a+b")
        assert _LOCKS is not None
        _LOCKS.flock(file, _LOCKS.LOCK_EX | _LOCKS.LOCK_NB)
        # To touch a hole where the disk is full would kill the process.
        os.posix_fallocate(file.fileno(), 0, CAPACITY * WIDTH)
        self._file = file
        self._index = path.with_suffix(".index").open("ab")
        numbers = memoryview(mmap.mmap(file.fileno(), CAPACITY * WIDTH)).cast("d")
        before = _Other(path, self._stamp).renewed()
        self.own = Slot(numbers, before.places)
        for known in before.places.values():
            for start, size in known.values():
                self._next = max(self._next, start + size)
        if before.torn:
            self._index.write(b"\n")

    def _other(self, path: Path) -> _Other:
        found = self._others.get(path)
        inode = path.stat().st_ino
        if found is None or found.inode != inode:
            found = self._others[path] = _Other(path, self._stamp)
        return found


class _Other(Slot):
    """What is read of a process' files; its index only grows."""

    __slots__ = ("_index", "_path", "_read", "fits", "inode", "torn")

    def __init__(self, path: Path, stamp: str) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.inode = os.fstat(file.fileno()).st_ino
            whole = size == CAPACITY * WIDTH
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if whole else b"\0" * 8
        super().__init__(memoryview(memory).cast("d"))
        self._path = path
        self._index = path.with_suffix(".index")
        self._read = 0
        self.torn = False
        try:
            with self._index.open("rb") as index:
                first = index.readline()
        except OSError:
            first = b""
        self.fits = whole and first == orjson.dumps([stamp]) + b"\n"

    def renewed(self) -> _Other:
        """The same, with what was written since; a line that is not whole is left for later."""
        with self._index.open("rb") as index:
            index.seek(self._read)
            text = index.read()
        end = text.rfind(b"\n") + 1
        self.torn = end < len(text)
        self._read += end
        for line in text[:end].splitlines():
            try:
                name, labels, start, size = orjson.loads(line)
            except ValueError:
                # The stamp at its beginning, or a line that a killed process did not end.
                continue
            self.places.setdefault(name, {})[labels] = (start, size)
        self.alive = _is_held(self._path)
        return self


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.glob("*.cells")):
        if path.stem.isdigit():
            yield path


def _is_held(path: Path) -> bool:
    assert _LOCKS is not None
    with path.open("rb") as file:
        try:
            _LOCKS.flock(file, _LOCKS.LOCK_SH | _LOCKS.LOCK_NB)
        except OSError:
            return True
    return False


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    assert _LOCKS is not None
    with path.open("ab") as file:
        _LOCKS.flock(file, _LOCKS.LOCK_EX)
        yield


def merged(
    slots: Sequence[Slot], name: str, merge: str | None
) -> Iterator[tuple[str, list[float]]]:
    """The labels of one metric, each with its numbers, over all processes: added up, or for a gauge
    (where `merge` says how) of those that are alive; a gauge that is no number says nothing."""
    known = [
        (slot.numbers, slot.places[name])
        for slot in slots
        if name in slot.places and (merge is None or slot.alive)
    ]
    # New ones may come while these are read.
    for labels in dict.fromkeys(labels for _, places in known for labels in tuple(places)):
        found: list[float] = []
        for numbers, places in known:
            start, size = places.get(labels, (0, 0))
            given = list(numbers[start : start + size])
            if not given or (merge is not None and given[0] != given[0]):
                continue
            found = _both(found, given, merge) if found else given
        if found:
            yield labels, found


def _both(one: list[float], other: list[float], merge: str | None) -> list[float]:
    if merge in ("min", "max"):
        return [(min if merge == "min" else max)(one[0], other[0])]
    return [a + b for a, b in zip(one, other, strict=False)]
