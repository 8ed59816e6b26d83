"""Where a model is served is the administrators' to see."""

from __future__ import annotations

from pipelines.exchange import Principal
from proxy.config.masking import Vault
from proxy.stores.entities.stored_models import StoredModels, Workshop
from tests.builders import a_deployment
from tests.proxy.admin.harness import Admin
from tests.proxy.admin.test_models import _body


async def test_a_caller_sees_his_models_and_no_address() -> None:
    admin = Admin(deployments=(a_deployment("a"), a_deployment("b", "other")))
    admin.key("sk-user-0000000001")
    admin.callers["sk-user-0000000001"] = Principal(
        "k", models=frozenset({"gpt"}), key_id="id-user-0000000001", role="team"
    )
    found = (await admin.done("GET", "/model/info", None, "sk-user-0000000001"))["data"]
    assert [one["model_name"] for one in found] == ["gpt"]
    assert found[0]["litellm_params"] == {"model": "acme/gpt"}
    groups = await admin.done("GET", "/model_group/info", None, "sk-user-0000000001")
    assert [one["model_group"] for one in groups["data"]] == ["gpt"]
    whole = (await admin.done("GET", "/model/info"))["data"]
    assert "api_base" in whole[0]["litellm_params"]


async def test_a_model_that_cannot_be_opened_is_still_listed() -> None:
    admin = Admin()
    await admin.done("POST", "/model/new", _body())
    routes = admin.backing.settings.routes
    admin.backing.models = StoredModels(None, Workshop({}, {}, Vault()), routes)
    (found,) = (await admin.done("GET", "/model/info"))["data"]
    assert "HEADGATE_SALT_KEY" in found["litellm_params"]["error"]
