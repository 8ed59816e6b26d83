"""The second half of a text begins where the first one ends, whatever of it is repeated."""

from __future__ import annotations

import pytest

from pipelines.splice import ANCHOR, Doubtful, Splice, anchor_of

SAID = "The keeper of the canal walks the bank twice a day, and lifts the boards one by one."
NEW = " Then he goes home."


def joined(words: str, *pieces: str, exact: bool = False) -> str:
    """What is new of these pieces."""
    splice = Splice(words, exact)
    return "".join([splice.feed(piece) for piece in pieces]) + splice.close()


@pytest.mark.parametrize(
    "repeated", [anchor_of(SAID), SAID, SAID[-40:], SAID[-16:], "", "\n" + SAID[-30:]]
)
@pytest.mark.parametrize("size", [1, 7, 500])
def test_what_is_repeated_is_left_out(repeated: str, size: int) -> None:
    text = repeated + NEW
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert joined(SAID, *pieces) == NEW


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("new", ["and", " and", "\n and", "\n\nand", "\n\n\nand"])
def test_blanks_at_the_end_are_said_once(new: str, exact: bool) -> None:
    assert SAID + "\n\n" + joined(SAID + "\n\n", new, exact=exact) in (
        SAID + "\n\nand",
        SAID + "\n\n and",
        SAID + "\n\n\nand",
    )


def test_blanks_are_held_until_more_is_known() -> None:
    splice = Splice("a \n", True)
    assert [splice.feed(one) for one in (" ", "\n", "b", "c")] == ["", "", "b", "c"]
    assert splice.joined


def test_a_few_equal_characters_are_chance() -> None:
    assert joined("A long text that ends with so many words: hel", "lo") == "lo"


def test_to_the_letter_nothing_is_taken_for_a_repetition() -> None:
    assert joined(SAID, SAID, exact=True) == SAID


def test_a_short_text_is_told_from_its_beginning() -> None:
    assert joined("He", "He is", " here") == " is here"


@pytest.mark.parametrize("begins", [SAID[:50] + " quite otherwise", SAID[20:62] + " otherwise"])
def test_a_text_that_begins_anew_is_in_doubt(begins: str) -> None:
    with pytest.raises(Doubtful):
        joined(SAID, begins)


def test_a_text_that_ends_within_its_repetition_is_in_doubt() -> None:
    with pytest.raises(Doubtful):
        joined(SAID, SAID[:50])


def test_nothing_more_is_nothing_new() -> None:
    assert joined(SAID) == joined("") == joined(SAID, "", exact=True) == ""


def test_the_anchor_begins_with_a_word() -> None:
    anchor = anchor_of("x" * 10 + " " + SAID + "  " + SAID + "\n")
    assert SAID.endswith(anchor)
    assert len(anchor) <= ANCHOR
    assert f" {anchor}" in SAID
    assert anchor_of("y" * 500) == "y" * ANCHOR
    assert anchor_of(" short ") == "short"
