"""No body makes a provider read another model than was checked, however it parses JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipelines.call import Call
from pipelines.dialects.openai import forwarded
from pipelines.errors import BadCall
from pipelines.operations import CHAT
from tests.builders import a_deployment

EVIL = "evil"
ESCAPED = '"mod\\u0065l"'
KEYS = (
    '"model"',
    ESCAPED,
    '"\\u006d\\u006F\\u0064\\u0065\\u006C"',
    '"Model"',
    '"MODEL"',
    '"x\\"model"',
    '"model\\""',
    '"messages"',
    '"stream_options"',
    '"a"',
)
VALUES = (
    '"gpt"',
    '"evil"',
    '"\\u0067pt"',
    '"model"',
    '"\\"model\\": \\"evil\\""',
    '{"model":"evil"}',
    '[{"model": "gpt"}]',
    "null",
    "7",
)
SPACES = ("", " ", "\n\t")


@st.composite
def bodies(draw: st.DrawFn) -> str:
    """Objects with the model in all sorts of places, spellings and numbers."""
    members = draw(
        st.lists(
            st.tuples(
                st.sampled_from(KEYS),
                st.sampled_from(SPACES),
                st.sampled_from(SPACES),
                st.sampled_from(VALUES),
            ),
            max_size=5,
        )
    )
    given_last = draw(st.sampled_from(("", ',"model":"gpt"', f',{ESCAPED}:"gpt"')))
    written = "".join(f",{key}{a}:{b}{value}" for key, a, b, value in members)
    return '{"messages":[]' + written + given_last + "}"


Members = Sequence[tuple[str, Any]]


def first_wins(members: Members) -> dict[str, Any]:
    return dict(reversed(members))


def last_wins(members: Members) -> dict[str, Any]:
    return dict(members)


def without_case(members: Members) -> dict[str, Any]:
    return {key.lower(): value for key, value in members}


def first_without_case(members: Members) -> dict[str, Any]:
    return without_case(list(reversed(members)))


PARSERS = (first_wins, last_wins, without_case, first_without_case)


@given(
    bodies(),
    st.sampled_from(("gpt", "other")),
    st.booleans(),
    st.sampled_from((None, "gpt")),
)
def test_every_parser_reads_the_deployments_model(
    body: str, wanted: str, ask_usage: bool, path_model: str | None
) -> None:
    call = Call(CHAT, body.encode(), [], path_model=path_model)
    try:
        checked = call.model
        got = forwarded(call, a_deployment(model=wanted), ask_usage)
    except BadCall:
        return
    for parser in PARSERS:
        # What was checked is replaced by what the operator wants in its place, always.
        read = json.loads(got, object_pairs_hook=parser)
        assert read["model"] == wanted, (checked, got)
