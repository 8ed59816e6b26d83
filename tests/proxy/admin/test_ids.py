"""An id that a client chooses is never read as something else."""

from __future__ import annotations

import pytest

from tests.proxy.admin.harness import Admin


@pytest.mark.parametrize(
    ("path", "field"),
    [("/customer/new", "user_id"), ("/tag/new", "name"), ("/budget/new", "budget_id")],
)
async def test_an_id_that_looks_like_an_account_is_refused(path: str, field: str) -> None:
    admin = Admin()
    assert (await admin.call("POST", path, {field: "bob@30d/1793491200"})).status == 422
    await admin.done("POST", path, {field: "bob@example.com"})


async def test_an_organizations_id_has_no_slash() -> None:
    body = {"organization_id": "a/b", "organization_alias": "a"}
    assert (await Admin().call("POST", "/organization/new", body)).status == 422
