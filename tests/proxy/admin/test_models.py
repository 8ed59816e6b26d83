"""Models are added, changed, blocked and deleted at run time."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.config.masking import Vault
from proxy.stores.entities.kinds import StoredModel
from proxy.stores.entities.stored_models import StoredModels, Workshop
from tests.builders import a_deployment
from tests.proxy.admin.harness import Admin

SECRET = "sk-provider-0123456789abcdef"
PARAMS = {"model": "openai/gpt-5", "api_key": SECRET, "rpm": 3}


def _body(id: str = "m1", **params: Any) -> dict[str, Any]:
    info = {"id": id, "mode": "chat"}
    return {"model_name": "best", "litellm_params": {**PARAMS, **params}, "model_info": info}


async def test_a_model_is_stored_encrypted_and_served_at_once() -> None:
    admin = Admin()
    made = await admin.done("POST", "/model/new", _body())
    assert (made["model_id"], made["model_name"]) == ("m1", "best")
    assert made["litellm_params"] == {"model": "openai/gpt-5", "api_key": "sk-…cdef", "rpm": 3}
    assert made["model_info"] == {"mode": "chat", "id": "m1", "db_model": True}
    (served,) = admin.backing.settings.routes.find("best")
    assert (served.id, served.model, served.rpm) == ("m1", "gpt-5", 3)
    row = await admin.store.get(StoredModel, "m1")
    assert row is not None
    assert SECRET not in row.model_dump_json()
    assert SECRET not in str(admin.store.audit)


async def test_only_the_sent_parameters_change() -> None:
    admin = Admin()
    await admin.done("POST", "/model/new", _body())
    body = {"model_info": {"id": "m1"}, "litellm_params": {"rpm": None, "tpm": 7}}
    changed = await admin.done("POST", "/model/update", body)
    assert changed["litellm_params"] == {"model": "openai/gpt-5", "api_key": "sk-…cdef", "tpm": 7}
    assert changed["model_info"]["mode"] == "chat"
    await admin.done("PATCH", "/model/m1/update", {"model_name": "better"})
    routes = admin.backing.settings.routes
    assert (routes.find("best"), [one.tpm for one in routes.find("better")]) == ((), [7])


async def test_a_blocked_model_is_not_served_and_a_deleted_one_is_gone() -> None:
    admin = Admin()
    await admin.done("POST", "/model/new", _body())
    assert (await admin.done("POST", "/model/block", {"id": "m1"}))["blocked"] is True
    assert admin.backing.settings.routes.find("best") == ()
    await admin.done("POST", "/model/unblock", {"id": "m1"})
    assert admin.backing.settings.routes.find("best")
    gone = await admin.done("POST", "/model/delete", {"id": "m1"})
    assert gone["message"] == "Model: m1 deleted successfully"
    assert admin.backing.settings.routes.find("best") == ()


@pytest.mark.parametrize(
    "params",
    [
        {"api_key": "os.environ/OPENAI_API_KEY"},
        {"api_key": "file:/etc/hostname"},
        {"extra_headers": {"x": "os.environ/HOME"}},
        {"api_base": "https://os.environ/HOME.example.com"},
        {"model": "nobody/gpt"},
        {"api_base": "ftp://example.com"},
        {"api_key": None},
    ],
)
async def test_what_cannot_be_served_is_not_stored(params: dict[str, Any]) -> None:
    admin = Admin()
    client = await admin.call("POST", "/model/new", _body(**params))
    assert client.status == 400
    assert SECRET not in client.body.decode()
    assert await admin.store.get(StoredModel, "m1") is None


async def test_an_id_is_given_once() -> None:
    admin = Admin(deployments=(a_deployment("a"),))
    assert (await admin.call("POST", "/model/new", _body("a"))).status == 400
    await admin.done("POST", "/model/new", _body())
    assert (await admin.call("POST", "/model/new", _body())).status == 400
    assert (await admin.call("POST", "/model/new", {**_body(), "model_info": {"id": 5}})).status
    made = await admin.done("POST", "/model/new", {**_body(), "model_info": None})
    assert made["model_id"]


async def test_a_key_does_not_move_to_another_address_by_itself() -> None:
    admin = Admin()
    await admin.done("POST", "/model/new", _body())
    moved = {"litellm_params": {"api_base": "https://elsewhere.example.com"}}
    assert (await admin.call("PATCH", "/model/m1/update", moved)).status == 400
    moved["litellm_params"]["api_key"] = "sk-another-0123456789abcd"
    await admin.done("PATCH", "/model/m1/update", moved)


async def test_a_model_of_the_file_or_of_nobody_cannot_be_changed() -> None:
    admin = Admin(deployments=(a_deployment("a"),))
    assert (await admin.call("POST", "/model/delete", {"id": "a"})).status == 400
    assert (await admin.call("POST", "/model/delete", {"id": "b"})).status == 404
    assert (await admin.call("PATCH", "/model/b/update", {"model_name": "x"})).status == 404
    assert (await admin.call("POST", "/model/update", {"model_name": "x"})).status == 400


async def test_without_a_salt_key_nothing_is_stored_and_the_answer_says_what_to_set() -> None:
    admin = Admin()
    await admin.done("POST", "/model/new", _body())
    routes = admin.backing.settings.routes
    admin.backing.models = StoredModels(None, Workshop({}, {}, Vault()), routes)
    for path, body in (("/model/new", _body("m2")), ("/model/update", _body())):
        client = await admin.call("POST", path, body)
        assert client.status == 400
        assert "HEADGATE_SALT_KEY" in client.json["detail"]["error"]
    await admin.done("POST", "/model/delete", {"id": "m1"})
