"""Where the second half of a text begins, when whoever writes it may repeat some of the first.

The rule: what was said is never said again, and what is not surely the second half is not said at
all.
"""

from __future__ import annotations

# As many characters are asked for again, to find the place by.
ANCHOR = 80
# Fewer characters may be the same by chance.
SURE = 16
# So many of a text's own earlier words are a text that is begun anew.
ANEW = 40


class Doubtful(Exception):
    """The second half repeats the first in other words."""


class Splice:
    """Takes the second half piece by piece, and gives what of it is new.

    `words` is all of the first half, `exact` says that the second one follows it to the letter.
    """

    def __init__(self, words: str, exact: bool) -> None:
        self._words = words
        self._firm = words.rstrip()
        self._blanks = words[len(self._firm) :]
        self._anchor = anchor_of(words)
        self._held = ""
        self._found = exact or not self._firm
        self._joined = self._found and not self._blanks

    @property
    def joined(self) -> bool:
        """Whether all further pieces are new as they are."""
        return self._joined

    def feed(self, piece: str) -> str:
        """What is surely new of all pieces so far. Raises Doubtful."""
        if self._joined:
            return piece
        self._held += piece
        if not self._found and not self._find(False):
            return ""
        return self._join(False)

    def close(self) -> str:
        """What is new of the pieces that were held back, now that there are no more. Raises
        Doubtful."""
        if self._joined:
            return ""
        if not self._found:
            self._find(True)
        return self._join(True)

    def _find(self, last: bool) -> bool:
        """Take from the held pieces what they repeat, once that is known."""
        # Some begin whatever they say with a blank, and some never do.
        bare = self._held.lstrip()
        if not bare:
            return last
        if bare.startswith(self._anchor):
            self._cut(bare, len(self._anchor))
            return True
        if not last and (self._anchor.startswith(bare) or bare in self._words):
            return False
        for held in (self._held, bare):
            for whole in (self._words, self._firm):
                size = _overlap(whole, held)
                if size:
                    self._cut(held, size)
                    self._blanks = self._words[len(whole) :]
                    return True
        # It begins like something that was said before, and does not lead up to the end of it.
        if len(bare) >= SURE and bare[:ANEW] in self._firm:
            raise Doubtful
        self._found = True
        return True

    def _cut(self, held: str, size: int) -> None:
        self._held = held[size:]
        self._found = True

    def _join(self, last: bool) -> str:
        """Take from the held pieces the blanks that were said already."""
        held, blanks = self._held, self._blanks
        same = _same(held, blanks)
        if same == len(held) and same < len(blanks) and not last:
            return ""
        self._joined, self._held = True, ""
        return held[same:]


def anchor_of(words: str) -> str:
    """The last words, from the beginning of one of them."""
    firm = words.rstrip()
    if len(firm) <= ANCHOR:
        return firm.lstrip()
    at = len(firm) - ANCHOR
    while at < len(firm) - SURE and not firm[at - 1].isspace():
        at += 1
    if not firm[at - 1].isspace():
        at = len(firm) - ANCHOR
    return firm[at:].lstrip()


def _overlap(words: str, held: str) -> int:
    """How many characters of the held ones are surely the words' last."""
    least = min(SURE, len(words))
    for size in range(min(len(held), len(words)), least - 1, -1):
        if words.endswith(held[:size]):
            return size
    return 0


def _same(one: str, other: str) -> int:
    """How many characters both begin with."""
    at = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        at += 1
    return at
