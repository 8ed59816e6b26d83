"""Stored models become deployments, with nothing that was not theirs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.deployment import Deployment
from pipelines.providers.load import load_catalog
from pipelines.routing.routes import Routes
from pipelines.upstream import UpstreamRequest
from proxy.config.facts import Usual
from proxy.config.masking import Vault
from proxy.stores.entities.kinds import StoredModel
from proxy.stores.entities.sealing import Sealer
from proxy.stores.entities.stored_models import StoredModels, Workshop, references, shown
from tests.builders import a_deployment
from tests.fakes.entities import FakeEntities

SECRET = "sk-stored-0123456789abcdef"
ENV = {"OPENAI_API_KEY": "sk-operators-0123456789", "OPENAI_ORGANIZATION": "org-operator"}


def _models(routes: Routes | None = None, salt: str = "salt") -> StoredModels:
    workshop = Workshop(load_catalog(), ENV, Vault())
    return StoredModels(Sealer(salt), workshop, routes or Routes(()))


def _stored(id: str = "m", name: str = "best", **params: Any) -> StoredModel:
    given = {"model": "openai/gpt-5", "api_key": SECRET, **params}
    return StoredModel(id=id, model_name=name, sealed=_models().seal(id, given))


async def _headers(deployment: Deployment) -> dict[str, str]:
    request = UpstreamRequest(
        "https://example.com", dict(deployment.headers), b"", "p", "d", False, 1.0, 1.0
    )
    await deployment.credential.sign(request)
    return dict(request.headers)


async def test_a_stored_model_is_served_with_its_own_key() -> None:
    found, told = _models().deployments([_stored()])
    assert told == ()
    assert (found[0].id, found[0].group, found[0].model) == ("m", "best", "gpt-5")
    assert SECRET in str(await _headers(found[0]))


async def test_facts_of_a_stored_model_are_known_and_what_is_usual_holds_for_it() -> None:
    workshop = Workshop(load_catalog(), ENV, Vault(), usual=Usual(parallel=4))
    models = StoredModels(Sealer("salt"), workshop, Routes(()))
    (one,), _ = models.deployments([_stored(tags=["paid"], region_name="eu")])
    assert (one.tags, one.region, one.parallel) == (frozenset({"paid"}), "eu", 4)
    assert one.context_window is None


async def test_without_a_key_the_operators_variable_is_used() -> None:
    found, _ = _models().deployments([_stored(api_key=None)])
    assert ENV["OPENAI_API_KEY"] in str(await _headers(found[0]))


async def test_the_operators_key_never_goes_to_an_address_of_a_request() -> None:
    elsewhere = {"api_base": "https://elsewhere.example.com"}
    found, told = _models().deployments([_stored(api_key=None, **elsewhere)])
    assert found == ()
    assert "api_key" in told[0]
    found, _ = _models().deployments([_stored(**elsewhere)])
    headers = str(await _headers(found[0]))
    assert SECRET in headers
    assert "operator" not in headers


def test_what_cannot_be_opened_or_served_is_told_and_left_out() -> None:
    models = [_stored("a"), _stored("b", model="nobody/x"), _stored("a"), _stored("c")]
    found, told = _models().deployments(
        [*models, _stored("d").model_copy(update={"blocked": True})]
    )
    assert [one.id for one in found] == ["a", "c"]
    assert len(told) == 2
    found, told = _models(salt="another").deployments([_stored()])
    assert found == ()
    assert "HEADGATE_SALT_KEY" in told[0]
    assert SECRET not in told[0]


def test_an_id_of_the_file_is_not_given_twice_and_no_order_is_the_last_one() -> None:
    first = a_deployment("m", "best", order=2)
    found, told = _models().deployments([_stored(), _stored("n"), _stored("o", order=1)], [first])
    assert [(one.id, one.order) for one in found] == [("n", 2), ("o", 1)]
    assert "has this id" in told[0]


async def test_the_routes_are_renewed() -> None:
    routes = Routes([a_deployment("file")])
    models, store = _models(routes), FakeEntities(_stored())
    assert await models.renew(store) == ()
    assert [one.id for one in routes.deployments] == ["file", "m"]
    store.rows.clear()
    await models.renew(store)
    assert [one.id for one in routes.deployments] == ["file"]


def test_secrets_are_masked_wherever_they_stand() -> None:
    params = {
        "api_key": SECRET,
        "extra_headers": {"x-a": SECRET, "n": None},
        "nested": [{"token": SECRET}],
        "rpm": 3,
    }
    assert SECRET not in str(shown(params))
    assert shown(params)["rpm"] == 3


@pytest.mark.parametrize(
    ("params", "places"),
    [
        ({"api_key": "os.environ/A"}, ["api_key"]),
        ({"a": [{"b": "x os.environ/A"}]}, ["a.b"]),
        ({"api_key": "file:/etc/passwd"}, ["api_key"]),
        ({"model": "file:name", "rpm": 3}, []),
    ],
)
def test_references_are_found(params: dict[str, Any], places: list[str]) -> None:
    assert list(references(params)) == places


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=9), below, max_size=3)
    ),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["model", "api_key", "api_base", "rpm", "order", "weight", "timeout", "headers", "x"]
) | st.text(max_size=9)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_NAMES, _VALUES, max_size=6))
def test_whatever_is_sent_is_served_or_told(params: dict[str, Any]) -> None:
    models = _models()
    built = models.build(StoredModel(id="m", model_name="best", sealed=""), params)
    assert built.deployments or built.problems
