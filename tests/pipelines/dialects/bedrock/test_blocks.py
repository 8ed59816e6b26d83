"""Blocks hold what Bedrock allows: names, ids, types."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dialects.bedrock.blocks import Blocks, marks, safe_id
from pipelines.dialects.losses import Losses
from pipelines.errors import Unsupported
from pipelines.prompt import CacheMark, File, Image, Text, ToolCall, ToolResult


def blocks() -> Blocks:
    """A writer of blocks for one call."""
    return Blocks(Losses("Bedrock"))


@given(st.text())
def test_any_id_becomes_one_that_is_allowed_and_stays_itself_where_it_is(id: str) -> None:
    safe = safe_id(id)
    assert 1 <= len(safe) <= 64
    assert safe_id(safe) == safe


def test_blank_words_are_left_out_with_their_cache_point() -> None:
    assert blocks().of(Text(" \n", CacheMark())) == []


def test_a_cache_point_keeps_how_long_it_lasts() -> None:
    assert marks(CacheMark("1h")) == [{"cachePoint": {"type": "default", "ttl": "1h"}}]


def test_documents_get_names_that_are_used_once() -> None:
    writer, paper = blocks(), File(data="AAAA", mime="application/pdf", name="a//b.pdf")
    names = [writer.of(paper)[0]["document"]["name"] for _ in range(2)]
    assert names == ["a b", "a b 2"]


def test_plain_text_is_a_document_of_its_own() -> None:
    source = {"bytes": base64.b64encode(b"hi").decode()}
    assert blocks().of(File(text="hi")) == [
        {"document": {"format": "txt", "name": "document", "source": source}}
    ]


def test_a_result_may_hold_a_picture_and_an_error() -> None:
    result = ToolResult("a", [Text("see"), Image(data="AAAA", mime="image/png")], error=True)
    image = {"image": {"format": "png", "source": {"bytes": "AAAA"}}}
    assert blocks().of(result) == [
        {"toolResult": {"toolUseId": "a", "content": [{"text": "see"}, image], "status": "error"}}
    ]


def test_arguments_that_are_no_object_are_wrapped() -> None:
    (block,) = blocks().of(ToolCall("a", "f", "[1]"))
    assert block["toolUse"]["input"] == {"arguments": [1]}


def test_a_picture_in_amazons_store_is_named_by_its_address() -> None:
    (block,) = blocks().of(Image(url="s3://bucket/a.jpg"))
    assert block["image"] == {
        "format": "jpeg", "source": {"s3Location": {"uri": "s3://bucket/a.jpg"}},
    }  # fmt: skip


def test_types_that_bedrock_lacks_are_refused() -> None:
    with pytest.raises(Unsupported):
        blocks().of(Image(data="AAAA", mime="image/tiff"))
    with pytest.raises(Unsupported):
        blocks().of(File(data="AAAA", mime="application/zip"))
