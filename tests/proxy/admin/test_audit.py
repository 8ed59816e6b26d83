"""Administrators read who changed what."""

from __future__ import annotations

from tests.proxy.admin.harness import Admin


async def test_a_change_is_told_with_before_and_after() -> None:
    admin = Admin()
    await admin.done("POST", "/team/new", {"team_id": "red", "team_alias": "a"})
    await admin.done("POST", "/team/update", {"team_id": "red", "team_alias": "b"})
    page = await admin.done("GET", "/audit", {"kind": "team", "object_id": "red"})
    assert [one["action"] for one in page["audit_logs"]] == ["updated", "created"]
    line = page["audit_logs"][0]
    assert (line["table_name"], line["object_id"], line["changed_by"]) == ("team", "red", "master")
    assert (line["before_value"]["alias"], line["updated_values"]["alias"]) == ("a", "b")
    assert line["changed_by_address"] == "192.0.2.7"
    assert (await admin.done("GET", "/audit", {"limit": 1}))["total"] == 1


async def test_no_line_holds_a_secret() -> None:
    admin = Admin()
    made = await admin.done("POST", "/key/generate", {})
    shown = (await admin.call("GET", "/audit")).body.decode()
    assert made["key"] not in shown
    assert made["token"] not in shown


async def test_nobody_else_reads_it() -> None:
    admin = Admin()
    admin.user("vera", "proxy_admin_viewer")
    admin.key("sk-viewer-00000001", user_id="vera")
    assert (await admin.call("GET", "/audit", None, "sk-viewer-00000001")).status == 403
