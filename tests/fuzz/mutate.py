"""Mutations: of bytes, of what messages say, and of their order.

The rule: all chance comes from the one generator that is handed in, so that a seed repeats a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

from tests.fuzz.wires import DEEP, Message

ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**40, 1.5, -0.0, 1e308, float("nan"),
    float("inf"), "", "x", "null", "\ud800", "\udfff\ud800", "\x00", "é\u2028😀", "a" * 5000, "{",
    '{"a":', "[DONE]", "data:x,", "data:image/png;base64,AAA", "http://[", "error", DEEP,
    [], {}, [[]], [{}], [None], [0], ["x"], {"": {}}, {"a": [1, {"b": None}]}, {"type": "text"},
    {"error": {"message": 5, "code": []}}, {"text": None}, {"type": None},
)  # fmt: skip
ODD_BYTES = (
    b"\n", b"\r", b"\r\n", b"\n\n", b"\x00", b"\xff", b"\xf0\x9f", b"\xc3", b"\xef\xbb\xbf",
    b"data:", b"event: x\n", b": ping\n\n", b"data: [DONE]\n\n", b"error: {", b"{", b"}", b'"',
    b"[" * 3000, b"NaN", b"1e999", b"9" * 400, b"\\ud800", b"id: 1\nretry: 5\n",
)  # fmt: skip


def mutated_bytes(raw: bytes, chance: Random) -> bytes:
    """The bytes with one fault: flipped, cut, repeated, put in."""
    if not raw:
        return chance.choice(ODD_BYTES)
    at, upto = sorted((chance.randrange(len(raw)), chance.randrange(len(raw))))
    kind = chance.randrange(6)
    if kind == 0:
        flipped = bytearray(raw)
        for _ in range(chance.randint(1, 8)):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        return bytes(flipped)
    if kind == 1:
        return raw[:at]
    if kind == 2:
        return raw[:at] + raw[min(upto, at + 200) :]
    if kind == 3:
        return raw[:upto] + raw[max(at, upto - 2000) :]
    if kind == 4:
        return raw[:at] + chance.choice(ODD_BYTES) + raw[at:]
    return raw[:at] + chance.randbytes(chance.randint(1, 40)) + raw[at:]


def mutated_messages(messages: Sequence[Message], chance: Random) -> list[Message]:
    """The messages with one fault: dropped, doubled, moved, renamed, or one that says another."""
    changed = list(messages)
    if not changed:
        return [("", chance.choice(ODD_VALUES))]
    at, other = chance.randrange(len(changed)), chance.randrange(len(changed))
    kind = chance.randrange(10)
    if kind == 0:
        del changed[at]
    elif kind == 1:
        changed.insert(other, changed[at])
    elif kind == 2:
        changed[at], changed[other] = changed[other], changed[at]
    elif kind == 3:
        changed[at] = (changed[other][0], changed[at][1])
    elif kind == 4:
        changed.insert(at, (changed[at][0], deepcopy(chance.choice(ODD_VALUES))))
    else:
        changed[at] = (changed[at][0], mutated_tree(changed[at][1], chance))
    return changed


def mutated_tree(value: Any, chance: Random) -> Any:
    """The value with one node changed, taken away, doubled or moved; the original stays."""
    root = [deepcopy(value)]
    places = _places(root)
    holder, key = chance.choice(places)
    kind = chance.randrange(6)
    if kind == 0 and holder is not root:
        del holder[key]
    elif kind == 1 and isinstance(holder, list) and holder is not root:
        holder.insert(key, deepcopy(holder[key]))
    elif kind == 2:
        other, name = chance.choice(places)
        if holder[key] is not root[0]:
            other[name] = deepcopy(holder[key])
    elif kind == 3 and isinstance(holder, dict):
        holder[chance.choice([*holder, "type"])] = holder.pop(key)
    else:
        holder[key] = deepcopy(chance.choice(ODD_VALUES))
    return root[0]


def _places(root: list[Any]) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node))
        for key in keys:
            found.append((node, key))
            if isinstance(node[key], dict | list):
                waiting.append(node[key])
    return found


def pieces(raw: bytes, chance: Random) -> list[bytes]:
    """The bytes cut into reads at random places."""
    cuts = sorted(chance.randrange(len(raw) + 1) for _ in range(chance.choice((0, 0, 1, 2, 5, 30))))
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True) if a < b]
