"""What the calls of a day come to, by whom and by what.

The rule: an amount is added once for each record that was really written, in the transaction that
wrote it; there is nothing else that makes a rollup grow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DAY = 86_400
CACHED = frozenset({"hit", "joined"})
ALL, KEY, END_USER, TAG = "all", "key", "end_user", "tag"
WHO = ("key_id", "user_id", "team_id", "organization_id")
WHAT = ("model", "model_group", "provider", "deployment", "operation")
GROUPS = ("kind", "name", *WHO, *WHAT)
SUMS = (
    "calls",
    "failed",
    "limited",
    "cached",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "replayed_tokens",
    "cost",
    "milliseconds",
    "first_byte_ms",
    "timed",
)
# A column of a sum holds no more.
MOST = 2**62
MOST_TAGS = 32
TOO_MANY = 429


def rolled_up(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What these rows of `row_of` add to the rollups, in the one order in which all writers lock
    them."""
    found: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        amounts = _amounts(row)
        for place in _places(row):
            sums = found.get(place)
            if sums is None:
                found[place] = list(amounts)
            else:
                for at, amount in enumerate(amounts):
                    sums[at] += amount
    made = [_rollup(place, sums) for place, sums in found.items()]
    return sorted(made, key=lambda one: (one["kind"], one["day"], one["id"]))


def rollup_id(groups: Iterable[str]) -> str:
    """The digest by which a rollup is found again: of all that is not summed, in its order."""
    hashed = hashlib.blake2b(digest_size=12)
    for one in groups:
        raw = one.encode()
        hashed.update(b"%d:" % len(raw))
        hashed.update(raw)
    return hashed.hexdigest()


def _places(row: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    day = row["day"]
    who = tuple([row[name] or "" for name in WHO])
    # What the provider calls the model is the model; the public name is its group.
    what = (
        row["upstream_model"] or row["model"] or "",
        row["model_group"] or row["model"] or "",
        *[row[name] or "" for name in WHAT[2:]],
    )
    yield (day, ALL, "", "", "", "", "", *what)
    yield (day, KEY, "", *who, *what)
    if row["end_user"]:
        yield (day, END_USER, row["end_user"], *who, *what)
    for tag in dict.fromkeys(row["tags"][:MOST_TAGS]):
        yield (day, TAG, tag, *who, *what)


def _amounts(row: Mapping[str, Any]) -> tuple[int, ...]:
    first = row["first_byte"]
    cached = row["cache"] in CACHED
    return (
        1,
        0 if row["outcome"] == "ok" else 1,
        1 if row["status"] == TOO_MANY else 0,
        1 if cached else 0,
        row["prompt_tokens"],
        row["completion_tokens"],
        row["cached_tokens"],
        row["cache_write_tokens"],
        row["completion_tokens"] if cached else 0,
        row["cost"] or 0,
        max(0, round((row["ended"] - row["started"]) * 1000)),
        0 if first is None else max(0, round(first * 1000)),
        0 if first is None else 1,
    )


def _rollup(place: tuple[object, ...], sums: list[int]) -> dict[str, Any]:
    day, *groups = place
    names = [str(one) for one in groups]
    return {
        "id": rollup_id(names),
        "day": day,
        **dict(zip(GROUPS, names, strict=True)),
        **{name: min(amount, MOST) for name, amount in zip(SUMS, sums, strict=True)},
    }
