"""What is remembered of callers, up to a bound.

The rule: whatever was built from an entity is forgotten the moment the entity changes; the least
recently used goes first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Source = tuple[str, str]


class Kept(Generic[K, V]):
    """A map of at most `size` values, each with the entities (kind and id) it was built from."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._sources: dict[K, tuple[Source, ...]] = {}
        self._built: dict[Source, set[K]] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[V]:
        return iter(tuple(self._values.values()))

    def get(self, key: K) -> V | None:
        """What is remembered under the key."""
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
        return found

    def put(self, key: K, value: V, sources: Iterable[Source]) -> None:
        """Remember it, in place of what was there."""
        self.drop(key)
        self._values[key] = value
        self._sources[key] = used = tuple(set(sources))
        for one in used:
            self._built.setdefault(one, set()).add(key)
        if len(self._values) > self._size:
            self.drop(next(iter(self._values)))

    def drop(self, key: K) -> None:
        """Forget what is under the key."""
        if self._values.pop(key, None) is None:
            return
        for one in self._sources.pop(key):
            keys = self._built[one]
            keys.discard(key)
            if not keys:
                del self._built[one]

    def changed(self, source: Source) -> None:
        """Forget all that was built from this entity."""
        for key in tuple(self._built.get(source, ())):
            self.drop(key)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._sources.clear()
        self._built.clear()
