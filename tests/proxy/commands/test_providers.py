"""`headgate providers`."""

from __future__ import annotations

import json
from io import StringIO

from pipelines.providers.load import load_catalog
from proxy.commands.providers import WIDTH, providers


def printed(as_json: bool) -> str:
    out = StringIO()
    assert providers(as_json, out) == 0
    return out.getvalue()


def test_the_table_names_every_provider_once_and_fits() -> None:
    head, *lines = printed(False).splitlines()
    assert head.split() == ["NAME", "ADDRESS", "KEY", "SERVES"]
    assert all(len(line) <= WIDTH for line in (head, *lines))
    table = lines[: lines.index("")]
    names = [line.split()[0] for line in table if not line.startswith(" ")]
    assert names == sorted(load_catalog())


def test_an_address_that_nobody_confirmed_has_a_mark() -> None:
    doubtful = sum(not one.confirmed for one in load_catalog().values())
    text = printed(False)
    assert f"at the {doubtful}" in text
    assert text.count("*") == doubtful + 1


def test_the_json_has_all_fields_of_all_rows() -> None:
    rows = json.loads(printed(True))
    assert [row["name"] for row in rows] == sorted(load_catalog())
    (mistral,) = (row for row in rows if row["name"] == "mistral")
    assert mistral["credential"]["env"] == ["MISTRAL_API_KEY"]
    assert mistral["quirks"]["asks_usage"] is False
    assert mistral["endpoints"]["chat"]["path"] == "/chat/completions"
