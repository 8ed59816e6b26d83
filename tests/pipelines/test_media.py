"""Media are known by their place, and counted by their kind and size."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.media import DOCUMENT, IMAGE, SOUND, media_kinds, media_of

DATA = "A" * 2_400
URL = "data:image/png;base64," + DATA


def turn(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("body", "hidden", "tokens"),
    [
        (turn({"type": "image_url", "image_url": {"url": URL}}), len(URL), IMAGE),
        (turn({"type": "image_url", "image_url": URL}), len(URL), IMAGE),
        (turn({"type": "image_url", "image_url": {"url": "https://a.example"}}), 0, IMAGE),
        (turn({"type": "image_url"}), 0, IMAGE),
        (turn({"type": "input_audio", "input_audio": {"data": DATA}}), 2_400, SOUND + 100),
        (turn({"type": "file", "file": {"file_data": DATA}}), 2_400, DOCUMENT + 800),
        (turn({"type": "file", "file": {"file_id": "f"}}), 0, DOCUMENT),
        (turn({"type": "image", "source": {"type": "base64", "data": DATA}}), 2_400, IMAGE),
        (turn({"type": "document", "source": {"type": "base64", "data": DATA}}), 2_400, 3_800),
        (turn({"type": "document", "source": {"type": "text", "data": DATA}}), 0, 0),
        (turn({"type": "text", "text": URL}), 0, 0),
        (turn({"type": "image", "source": 7}, "text", None), 0, 0),
        (
            turn({"type": "tool_result", "content": [{"type": "image", "source": {"data": DATA}}]}),
            2_400,
            IMAGE,
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": DATA}}]}]},
            2_400,
            SOUND + 100,
        ),
        ({"contents": {"parts": [{"fileData": {"mimeType": "image/png"}}]}}, 0, IMAGE),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": URL}]}]},
            len(URL), IMAGE),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_data": DATA}]}]},
            2_400, DOCUMENT + 800),
        ({"input": ["words", [1, 2]], "messages": "none"}, 0, 0),
    ],
)  # fmt: skip
def test_media_are_found_in_their_places(body: dict[str, Any], hidden: int, tokens: int) -> None:
    assert media_of(body) == (hidden, tokens)


def test_endless_nesting_is_not_followed() -> None:
    inner: dict[str, Any] = {"type": "image", "source": {"data": DATA}}
    for _ in range(50):
        inner = {"type": "tool_result", "content": [inner]}
    assert media_of(turn(inner)) == (0, 0)


def test_the_kinds_of_media_are_told() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "https://x"}},
        {"type": "input_audio", "input_audio": {"data": "AA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AA"}},
        {"type": "text", "text": "image"},
    ]
    body = {"messages": [{"role": "user", "content": parts}]}
    assert list(media_kinds(body)) == ["image_url", "audio", "application/pdf"]
