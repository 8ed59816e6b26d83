"""A call's tags choose among deployments as LiteLLM's users know it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pipelines.deployment import Deployment
from pipelines.routing.tags import Tagging, untagged, wanted
from tests.builders import a_deployment

PAID = a_deployment("paid", tags=frozenset({"paid", "eu"}))
FREE = a_deployment("free", tags=frozenset({"free", "default"}))
PLAIN = a_deployment("plain")
GROUP = (PAID, FREE, PLAIN)


def kept(
    tags: Sequence[str],
    tagging: Tagging | None = None,
    group: Sequence[Deployment] = GROUP,
    candidates: Sequence[Deployment] | None = None,
) -> list[str]:
    tagging = tagging or Tagging()
    left = group if candidates is None else candidates
    gone = {one.id for one, _ in untagged(left, group, wanted(tags, tagging), tagging)}
    return [one.id for one in left if one.id not in gone]


@pytest.mark.parametrize(
    ("tags", "ids"),
    [
        (["paid"], ["paid"]),
        (["paid", "free"], ["paid", "free"]),
        (["nowhere"], ["free"]),
        ([], ["free"]),
        (["&eu"], ["paid"]),
        (["&eu", "&paid"], ["paid"]),
        (["!paid"], ["free"]),
        (["paid", "!eu"], []),
        (["task:title_generation"], ["free"]),
    ],
)
def test_tags_choose_deployments(tags: list[str], ids: list[str]) -> None:
    assert kept(tags) == ids


def test_tags_must_all_fit_where_the_operator_says_so() -> None:
    tagging = Tagging(match_any=False)
    assert kept(["paid", "eu"], tagging) == ["paid"]
    assert kept(["paid", "free"], tagging) == []


def test_tags_are_read_without_their_prefix() -> None:
    assert kept(["route-paid"], Tagging(prefix="route-")) == ["paid"]
    assert kept(["!route-x", "route-!paid"], Tagging(prefix="route-")) == ["free"]


def test_tags_do_not_matter_in_a_group_without_any() -> None:
    assert kept(["paid"], group=[PLAIN]) == ["plain"]


def test_tags_of_one_that_rests_still_mean_it() -> None:
    assert kept(["paid"], candidates=[FREE, PLAIN]) == []


def test_a_call_without_tags_may_go_anywhere_where_no_default_is_left() -> None:
    assert kept([], group=[PAID, PLAIN]) == ["paid", "plain"]


def test_the_reasons_are_for_people() -> None:
    tagging = Tagging()
    found = untagged([PAID, FREE], GROUP, wanted(["!eu", "&z"], tagging), tagging)
    (paid, why), (_, other) = found
    assert paid is PAID
    assert why == "the call excludes its tag eu"
    assert other == "it lacks the tag z that the call requires"
