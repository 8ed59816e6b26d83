"""Access groups hold names of models."""

from __future__ import annotations

from tests.builders import a_deployment
from tests.proxy.admin.harness import Admin


async def test_a_group_is_made_changed_and_deleted() -> None:
    admin = Admin(deployments=(a_deployment("a"), a_deployment("b")))
    body = {"access_group": "good", "model_names": ["gpt", "gpt"]}
    made = await admin.done("POST", "/access_group/new", body)
    assert (made["model_names"], made["deployment_count"]) == (["gpt"], 2)
    assert (await admin.call("POST", "/access_group/new", body)).status == 400
    change = {"model_names": ["other*"]}
    changed = await admin.done("PUT", "/access_group/good/update", change)
    assert (changed["model_names"], changed["deployment_count"]) == (["other*"], 0)
    assert (await admin.done("GET", "/access_group/good/info"))["access_group"] == "good"
    listed = await admin.done("GET", "/access_group/list")
    assert [one["access_group"] for one in listed["access_groups"]] == ["good"]
    gone = await admin.done("DELETE", "/access_group/good/delete")
    assert gone["models_updated"] == 1


async def test_a_group_that_is_not_there_is_not_found() -> None:
    admin = Admin()
    assert (await admin.call("GET", "/access_group/x/info")).status == 404
    assert (await admin.call("DELETE", "/access_group/x/delete")).status == 404
    body = {"model_names": ["a"]}
    assert (await admin.call("PUT", "/access_group/x/update", body)).status == 404
