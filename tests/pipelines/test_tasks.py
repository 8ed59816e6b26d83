"""OpenWebUI's own tasks are known by a header, else by the form of its prompts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.operations import CHAT, EMBEDDINGS
from pipelines.tasks import task_of
from tests.builders import a_body, a_call


def asked(content: Any, **more: Any) -> Call:
    messages = more.pop("messages", [{"role": "user", "content": content}])
    return Call(CHAT, orjson.dumps({"model": "gpt", "messages": messages, **more}), [])


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("title_generation", "title_generation"),
        ("TAGS_GENERATION", "tags_generation"),
        ("something new", "other"),
        ("{{TASK}}", None),
        (None, None),
    ],
)
def test_a_header_says_which_task(told: str | None, wanted: str | None) -> None:
    assert task_of(told, a_call()) == wanted


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("Generate a concise, 3-5 word title with an emoji", "title_generation"),
        ("Suggest 3-5 relevant follow-up questions", "follow_up_generation"),
        ("Generate 1-3 broad tags categorizing the main themes", "tags_generation"),
        ("Analyze the chat history, generating search queries", "query_generation"),
        ("Generate a detailed prompt for am image generation task", "image_prompt_generation"),
        ("You are an autocompletion system.", "autocomplete_generation"),
        ("Do something else.", "other"),
    ],
)
def test_a_prompt_of_its_form_says_which_task(words: str, wanted: str) -> None:
    prompt = f"### Task:\n{words}\n### Guidelines:\n- title, tags and queries"
    assert task_of(None, asked(prompt)) == wanted
    assert task_of(None, asked([{"type": "text", "text": prompt}])) == wanted


@pytest.mark.parametrize(
    "call",
    [
        asked("Write ### Task:\nGenerate a title"),
        asked("### Task:\nGenerate a title", stream=True),
        asked("", messages=[{"role": "user", "content": "### Task:\ntitle"}] * 3),
        asked("", messages=[]),
        asked("", messages="text"),
        asked("", messages=["### Task:"]),
        a_call(a_body()),
        a_call(b'{"model":"e","input":"### Task:\\ntitle"}', EMBEDDINGS),
    ],
)
def test_a_users_own_call_is_no_task(call: Call) -> None:
    assert task_of(None, call) is None
