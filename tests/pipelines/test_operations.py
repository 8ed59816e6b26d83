"""The table of operations is what clients may ask for."""

from __future__ import annotations

from pipelines.operations import CHAT, COMPLETIONS, EMBEDDINGS, OPERATIONS


def test_the_table_has_three_operations() -> None:
    assert OPERATIONS == (CHAT, COMPLETIONS, EMBEDDINGS)
    assert [(one.name, one.path, one.dialect) for one in OPERATIONS] == [
        ("chat", "/chat/completions", "openai-chat"),
        ("completions", "/completions", "openai-completions"),
        ("embeddings", "/embeddings", "openai-embeddings"),
    ]


def test_each_operation_needs_one_field_and_only_text_streams() -> None:
    assert [one.requires for one in OPERATIONS] == [("messages",), ("prompt",), ("input",)]
    assert [one.streams for one in OPERATIONS] == ["asked", "asked", "never"]
