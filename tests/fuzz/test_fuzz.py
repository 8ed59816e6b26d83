"""Broken and hostile bytes do no harm: a taste of what `python -m tests.fuzz` does for longer."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from pipelines.errors import BadCall
from pipelines.events import Media
from tests.fuzz.__main__ import Findings, main, one_input, run
from tests.fuzz.mutate import mutated_bytes, mutated_messages, mutated_tree, pieces
from tests.fuzz.subjects import Seed, Subject, subjects
from tests.fuzz.wires import DEEP, aws_message, decoded, encoded, text

SUBJECTS = subjects()
INPUTS = 60


@pytest.mark.parametrize("name", SUBJECTS)
def test_only_errors_of_our_tree_come_out(name: str) -> None:
    findings = Findings()
    run(SUBJECTS[name], 20.0, Random(name), findings, most=INPUTS)
    assert findings.counts == {}


@pytest.mark.parametrize("media", [Media.SSE, Media.NDJSON, Media.AWS])
def test_what_is_framed_is_read_back(media: Media) -> None:
    said = [("a" if media is not Media.NDJSON else "", {"n": 1, "text": "é"})]
    assert decoded(encoded(said, media), media) == said


def test_python_writes_what_json_forbids() -> None:
    assert text([float("nan"), "\ud800"]) == b'[NaN, "\\ud800"]'
    assert text(DEEP).startswith(b"[[[[")
    assert aws_message("x", {}) != aws_message("y", {})


def test_a_seed_repeats_a_run() -> None:
    value = {"a": [1, {"b": "c"}], "d": None}
    for number in range(200):
        first, again = Random(number), Random(number)
        assert repr(mutated_tree(value, first)) == repr(mutated_tree(value, again))
        assert mutated_bytes(b"abcdef", first) == mutated_bytes(b"abcdef", again)
        events = [("x", value)] * 3
        assert repr(mutated_messages(events, first)) == repr(mutated_messages(events, again))
        assert b"".join(pieces(b"abcdef", first)) == b"abcdef"
    assert value == {"a": [1, {"b": "c"}], "d": None}


def test_a_foreign_error_is_found_once_and_kept(tmp_path: Path) -> None:
    def feed(seed: Seed, chance: Random) -> None:
        if seed.raw == b"bad":
            raise BadCall("ours")
        raise KeyError("foreign")

    subject = Subject("x", [Seed(b"{}", Media.JSON)], feed)
    findings, chance = Findings(tmp_path), Random(1)
    assert one_input(subject, Seed(b"bad", Media.JSON), chance, findings)
    assert not findings.counts
    for _ in range(2):
        assert not one_input(subject, Seed(b"worse", Media.JSON), chance, findings)
    assert list(findings.counts.values()) == [2]
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"worse"]


def test_what_can_be_fuzzed_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--reader", "anthropic"]) == 0
    assert "reader/anthropic-messages" in capsys.readouterr().out
    assert main(["--reader", "nobody"]) == 2
