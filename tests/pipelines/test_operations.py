"""The table of operations is what clients may ask for."""

from __future__ import annotations

from pipelines.operations import CHAT, COMPLETIONS, EMBEDDINGS, MODERATIONS, OPERATIONS, RERANK


def test_no_two_operations_share_a_name_or_a_path() -> None:
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)
    assert len({one.path for one in OPERATIONS}) == len(OPERATIONS)


def test_openais_operations_stand_where_openai_has_them() -> None:
    ours = (CHAT, COMPLETIONS, EMBEDDINGS, MODERATIONS)
    assert [(one.name, one.path, one.dialect) for one in ours] == [
        ("chat", "/chat/completions", "openai-chat"),
        ("completions", "/completions", "openai-completions"),
        ("embeddings", "/embeddings", "openai-embeddings"),
        ("moderations", "/moderations", "openai-moderations"),
    ]


def test_an_operation_says_what_a_body_must_have_and_whether_it_streams() -> None:
    ours = (CHAT, COMPLETIONS, EMBEDDINGS, RERANK)
    assert [one.requires for one in ours] == [
        ("messages",),
        ("prompt",),
        ("input",),
        ("query", "documents"),
    ]
    assert [one.streams for one in ours] == ["asked", "asked", "never", "never"]


def test_only_moderations_go_without_a_model() -> None:
    assert [one.name for one in OPERATIONS if one.default_model] == ["moderations"]
