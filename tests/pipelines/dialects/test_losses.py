"""What cannot be carried over is an error, or told."""

from __future__ import annotations

import pytest

from pipelines.dialects.losses import Losses
from pipelines.errors import Unsupported


def test_a_feature_is_an_error_that_names_it_and_the_provider() -> None:
    error = Losses("Acme").feature("images")
    assert isinstance(error, Unsupported)
    assert error.message == "Acme does not support images."


def test_a_knob_is_an_error_unless_it_may_be_dropped() -> None:
    with pytest.raises(Unsupported, match="seed"):
        Losses("Acme").knob("seed")
    losses = Losses("Acme", drop_params=True)
    losses.knob("seed")
    assert losses.told == ["dropped:seed"]


def test_what_is_dropped_clamped_or_emulated_is_told_once() -> None:
    losses = Losses("Acme")
    for _ in range(2):
        losses.dropped("x")
        losses.clamped("temperature")
        losses.emulated("json_schema")
    assert losses.told == ["dropped:x", "clamped:temperature", "emulated:json_schema"]


@pytest.mark.parametrize("how", ["knob", "cut", "dropped", "clamped", "emulated"])
def test_every_loss_is_an_error_where_it_must_be_strict(how: str) -> None:
    with pytest.raises(Unsupported):
        getattr(Losses("Acme", drop_params=True, strict=True), how)("x")


def test_a_list_is_shortened_only_with_leave() -> None:
    with pytest.raises(Unsupported, match="'stop'"):
        Losses("Acme").cut("stop")
    losses = Losses("Acme", drop_params=True)
    losses.cut("stop")
    assert losses.told == ["clamped:stop"]


def test_the_list_fits_into_a_header_whatever_the_client_made_up() -> None:
    losses = Losses("Acme")
    losses.dropped("a,b" + "c" * 1000)
    assert losses.told == ["dropped:a b" + "c" * 77]
    for number in range(1000):
        losses.dropped(str(number))
    assert len(losses.told) == 50
