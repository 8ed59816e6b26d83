"""Every row of the catalogue can be used, and says where its facts come from."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from pipelines.errors import BadCall
from pipelines.operations import OPERATIONS
from pipelines.provider import Provider
from pipelines.providers.load import SCHEMES, load_catalog
from pipelines.registry import DIALECTS
from pipelines.stages.translate import safe_segment

CATALOG = load_catalog()
LISTS = ("BerriAI/litellm", "Portkey-AI/gateway", "charmbracelet/catwalk", "anomalyco/models.dev")
LOCAL = {"127.0.0.1", "localhost"}
GIVEN = re.compile(r"\$\{[A-Z0-9_,]+\}")
FIELD = re.compile(r"\{([^}]*)\}")

every_row = pytest.mark.parametrize("provider", CATALOG.values(), ids=CATALOG.keys())


@every_row
def test_a_row_names_its_source(provider: Provider) -> None:
    docs = urlsplit(provider.docs)
    assert docs.scheme == "https"
    assert "." in docs.netloc
    assert provider.title.strip() == provider.title != ""


@every_row
def test_a_row_that_only_a_list_knows_is_not_called_confirmed(provider: Provider) -> None:
    if provider.docs.removeprefix("https://github.com/").startswith(LISTS):
        assert not provider.confirmed


@every_row
def test_a_rows_address_is_safe_or_local_or_the_operators(provider: Provider) -> None:
    base = urlsplit(GIVEN.sub("x", provider.base_url))
    if not provider.base_url:
        assert provider.base_env, "without an address there must be a variable for it"
    elif base.scheme != "mock":
        assert base.scheme == "https" or (base.scheme == "http" and base.hostname in LOCAL)
    assert not provider.base_url.endswith("/")
    assert not base.query
    assert "@" not in base.netloc


@every_row
def test_a_row_speaks_known_dialects_for_known_operations(provider: Provider) -> None:
    names = {operation.name for operation in OPERATIONS}
    assert provider.endpoints.keys() <= names
    assert all(endpoint.dialect in DIALECTS for endpoint in provider.endpoints.values())


@every_row
def test_a_rows_paths_have_known_fields_only(provider: Provider) -> None:
    for endpoint in provider.endpoints.values():
        fields = FIELD.findall(endpoint.path + "".join(endpoint.query.values()))
        assert set(fields) <= {"model", "api_version"}
        assert ".." not in endpoint.path
        assert "?" not in endpoint.path
        if "api_version" in fields:
            assert provider.api_version


@every_row
def test_a_row_says_how_it_is_paid(provider: Provider) -> None:
    spec = provider.credential
    assert spec.scheme in SCHEMES
    assert all(
        re.fullmatch(r"[A-Z0-9][A-Z0-9_]*", name) for name in (*spec.env, *provider.base_env)
    )
    assert spec.env or spec.scheme == "none"
    assert len(set(spec.env)) == len(spec.env)


@every_row
def test_a_rows_name_fits_into_a_models_name(provider: Provider) -> None:
    # As in `name/model`.
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", provider.name)
    try:
        assert safe_segment(provider.name) == provider.name
    except BadCall:
        pytest.fail("the name is no safe segment")


@every_row
def test_a_rows_models_are_listed_below_its_address(provider: Provider) -> None:
    assert provider.models_path == "" or provider.models_path.startswith("/")


@every_row
def test_a_rows_quirks_do_not_touch_the_model(provider: Provider) -> None:
    quirks = provider.quirks
    touched = {*quirks.rename, *quirks.rename.values(), *quirks.drop}
    assert not touched & {"model", "messages", "stream", "stream_options"}
    assert not quirks.drop & quirks.rename.keys()
    assert not set(quirks.rename.values()) & quirks.rename.keys()


def test_there_are_the_providers_that_were_promised() -> None:
    assert len(CATALOG) >= 110
