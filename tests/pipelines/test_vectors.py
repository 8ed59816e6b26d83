"""Vectors turn from floats into base64 and back without loss."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.vectors import packed, unpacked


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)))
def test_float32_survives_the_way_there_and_back(values: list[float]) -> None:
    assert unpacked(packed(values)) == values


@given(st.binary(max_size=40).map(lambda raw: raw[: len(raw) // 4 * 4]))
def test_base64_survives_the_way_there_and_back(raw: bytes) -> None:
    floats = struct.unpack(f"<{len(raw) // 4}f", raw)
    if all(one == one for one in floats):
        assert base64.b64decode(packed(list(floats))) == raw


def test_the_low_byte_stands_first() -> None:
    assert base64.b64decode(packed([1.0, -2])) == bytes.fromhex("0000803f000000c0")


@pytest.mark.parametrize("values", [[1e39], ["a"], [None]])
def test_what_is_no_float32_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="no float32"):
        packed(values)


@pytest.mark.parametrize("text", ["AAA=", "!!!!", "AAAAAAA="])
def test_what_is_no_base64_of_floats_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no base64"):
        unpacked(text)
