"""Everybody sees the models that he may use."""

from __future__ import annotations

from dataclasses import replace

from pipelines.money import Prices
from tests.builders import a_deployment
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.test_models import SECRET, _body

PRICES = Prices(prompt=1_250_000, completion=10_000_000)


def _admin() -> Admin:
    priced = replace(a_deployment("b", "other"), prices=PRICES, rpm=3, tpm=5)
    return Admin(deployments=(a_deployment("a"), priced))


async def test_every_deployment_is_listed_with_its_price() -> None:
    admin = _admin()
    await admin.done("POST", "/model/new", _body())
    for path in ("/model/info", "/v1/model/info"):
        client = await admin.call("GET", path)
        assert SECRET not in client.body.decode()
        found = client.json["data"]
        assert [one["model_name"] for one in found] == ["gpt", "other", "best"]
    assert [one["model_info"]["db_model"] for one in found] == [False, False, True]
    assert found[1]["model_info"]["input_cost_per_token"] == 1.25e-06
    assert found[2]["litellm_params"]["api_key"] == "sk-…cdef"
    one = await admin.done("GET", "/model/info", {"litellm_model_id": "b"})
    assert [row["model_info"]["id"] for row in one["data"]] == ["b"]
    assert (await admin.call("GET", "/model/info", {"litellm_model_id": "x"})).status == 400


async def test_a_page_of_models_is_counted() -> None:
    admin = _admin()
    query = {"size": 1, "page": 2, "sortBy": "model_name", "sortOrder": "desc"}
    page = await admin.done("GET", "/v2/model/info", query)
    assert [one["model_name"] for one in page["data"]] == ["gpt"]
    assert (page["total_count"], page["total_pages"], page["current_page"]) == (2, 2, 2)
    for name, value in (("model", "other"), ("modelId", "b"), ("search", "OTH")):
        assert (await admin.done("GET", "/v2/model/info", {name: value}))["total_count"] == 1


async def test_a_group_is_what_its_deployments_are() -> None:
    admin = _admin()
    (group,) = (await admin.done("GET", "/model_group/info", {"model_group": "other"}))["data"]
    assert (group["model_group"], group["providers"]) == ("other", ["acme"])
    assert (group["output_cost_per_token"], group["rpm"], group["tpm"]) == (1e-05, 3, 5)
    everything = await admin.done("GET", "/model_group/info")
    assert [one["model_group"] for one in everything["data"]] == ["gpt", "other"]
