"""Which tool call a fragment belongs to, however its host numbers them.

The rule: a host's own index leads, then the id; what has neither goes on with the last call; and a
name that does not fit begins another one, for some hosts give every call the index 0.
"""

from __future__ import annotations


class Calls:
    """The calls of one choice: their names, and which of them an index or an id means."""

    __slots__ = ("_ids", "_last", "_names", "_places")

    def __init__(self) -> None:
        self._names: list[str] = []
        self._places: dict[object, int] = {}
        self._ids: dict[str, int] = {}
        self._last: int | None = None

    def __len__(self) -> int:
        return len(self._names)

    def place(self, at: object, id: str, name: str) -> tuple[int, bool]:
        """The number of the call that a fragment is about, and whether it begins here."""
        number = self._places.get(at) if at is not None else self._ids.get(id)
        if number is None and not name:
            # Some hosts count their fragments instead of their calls.
            number = self._ids.get(id, self._last if at is None and not id else None)
        elif number is not None and name and self._names[number]:
            other = id not in self._ids if id else name != self._names[number]
            number = None if other else number
        new = number is None
        if number is None:
            number = len(self._names)
            self._names.append(name)
        if at is not None:
            self._places[at] = number
        if id:
            self._ids.setdefault(id, number)
        self._names[number] = self._names[number] or name
        self._last = number
        return number, new
