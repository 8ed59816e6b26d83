"""Fallbacks and aliases in all their shapes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from proxy.config.settings import Settings
from tests.proxy.config.builders import examined, said, told

MODELS = """
model_list:
  - {model_name: gpt-4o, litellm_params: {model: mock/a}}
  - {model_name: claude, litellm_params: {model: mock/b}}
  - {model_name: mini, litellm_params: {model: mock/c}}
  - {model_name: groq/*, litellm_params: {model: groq/*}}
"""


def with_router(text: str) -> Settings:
    return examined(f"{MODELS}\n{text}", {})


def groups(settings: Settings) -> dict[str, Sequence[str]]:
    return dict(settings.routes.fallbacks.groups)


@pytest.mark.parametrize(
    "shape",
    [
        "[{gpt-4o: [claude, mini]}]",
        "[{model_name: gpt-4o, fallbacks: [claude, mini]}]",
        "{gpt-4o: [claude, mini]}",
        "[{gpt-4o: [{model: claude}, mini, claude, gpt-4o]}]",
    ],
)
def test_every_shape_of_fallbacks_says_the_same(shape: str) -> None:
    settings = with_router(f"router_settings: {{fallbacks: {shape}}}")
    assert groups(settings) == {"gpt-4o": ("claude", "mini")}
    assert said(settings, "error") == ""


def test_in_a_plain_list_each_name_falls_back_to_those_after_it() -> None:
    settings = with_router("router_settings: {fallbacks: [gpt-4o, claude, mini]}")
    assert groups(settings) == {"gpt-4o": ("claude", "mini"), "claude": ("mini",)}


def test_a_single_name_needs_no_list() -> None:
    settings = with_router("router_settings: {fallbacks: [{gpt-4o: claude}]}")
    assert groups(settings) == {"gpt-4o": ("claude",)}


def test_a_star_is_for_all_that_have_none_of_their_own() -> None:
    fallbacks = "fallbacks: [{'*': [mini]}, {gpt-4o: [claude]}]"
    settings = with_router(f"router_settings: {{{fallbacks}, default_fallbacks: [claude]}}")
    assert settings.routes.fallbacks.of("gpt-4o") == ("claude",)
    assert settings.routes.fallbacks.of("claude") == ("mini",)
    assert settings.routes.fallbacks.default == ("claude",)


def test_the_older_place_is_read_and_the_newer_one_wins() -> None:
    older = "litellm_settings: {fallbacks: [{gpt-4o: [mini]}], default_fallbacks: [mini]}"
    settings = with_router(older)
    assert groups(settings) == {"gpt-4o": ("mini",)}
    assert settings.routes.fallbacks.default == ("mini",)
    settings = with_router(f"{older}\nrouter_settings: {{fallbacks: [{{gpt-4o: [claude]}}]}}")
    assert groups(settings) == {"gpt-4o": ("claude",)}
    assert said(settings, "warning").endswith("not used: router_settings has fallbacks too")


def test_the_first_fallbacks_of_a_name_are_used() -> None:
    settings = with_router("router_settings: {fallbacks: [{gpt-4o: [claude]}, {gpt-4o: [mini]}]}")
    assert groups(settings) == {"gpt-4o": ("claude",)}
    assert '"gpt-4o" has fallbacks already' in said(settings, "warning")


def test_a_name_that_nothing_serves_is_a_warning_where_it_stands() -> None:
    text = """
router_settings:
  fallbacks:
    - gpt-4o:
        - claude
        - cluade
    - nobody: [groq/llama]
  default_fallbacks: [none]
  model_group_alias: {short: gpt-4, ok: claude}
"""
    assert [line for line in told(with_router(text), "warning") if "named" in line] == [
        '13: router_settings.fallbacks[0].gpt-4o[1]: no model of model_list is named "cluade"',
        '14: router_settings.fallbacks[1].nobody: no model of model_list is named "nobody"',
        '15: router_settings.default_fallbacks[0]: no model of model_list is named "none"',
        '16: router_settings.model_group_alias.short: no model of model_list is named "gpt-4"',
    ]


def test_a_fallback_may_be_an_alias() -> None:
    text = "router_settings: {fallbacks: [{gpt-4o: [a]}], model_group_alias: {a: claude}}"
    assert "named" not in said(with_router(text), "warning")


def test_what_is_no_name_is_an_error() -> None:
    text = "router_settings: {fallbacks: [5, {gpt-4o: [[mini]]}, {mini: }], default_fallbacks: 1}"
    assert said(with_router(text), "error") == (
        "router_settings.fallbacks[0]: expected names, or maps such as {gpt-4o: [claude]}, got 5\n"
        "router_settings.fallbacks[1].gpt-4o[0]: expected the name of a model, got a list\n"
        "router_settings.fallbacks[2].mini: expected the name of a model, got nothing\n"
        "router_settings.default_fallbacks: expected the name of a model, got 1"
    )


def test_an_alias_is_a_name_or_a_map_that_may_hide_it() -> None:
    text = "router_settings: {model_group_alias: {a: gpt-4o, b: {model: mini, hidden: true}}}"
    settings = with_router(text)
    assert settings.aliases == {"a": "gpt-4o", "b": "mini"}
    assert [one.model for one in settings.routes.find("b")] == ["c"]
    assert settings.routes.names == ("gpt-4o", "claude", "mini", "a")


def test_an_alias_of_nothing_is_an_error() -> None:
    settings = with_router("router_settings: {model_group_alias: {a: {hidden: true}}}")
    assert said(settings, "error") == (
        "router_settings.model_group_alias.a: expected the name of a model, got nothing"
    )


def test_the_depth_is_five_unless_it_is_said() -> None:
    assert with_router("").routes.fallbacks.depth == 5
    assert with_router("router_settings: {max_fallbacks: 2}").routes.fallbacks.depth == 2
    assert with_router("litellm_settings: {max_fallbacks: 0}").routes.fallbacks.depth == 0
    assert examined(MODELS, {"ROUTER_MAX_FALLBACKS": "3"}).routes.fallbacks.depth == 3
