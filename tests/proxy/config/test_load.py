"""The way in."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.providers.load import load_catalog
from proxy.config.load import ConfigError, examine, find, load, served
from tests.proxy.config.builders import ENV, ONE_MODEL, examined, with_sections


def test_the_named_file_is_found_even_if_it_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "headgate.yaml").touch()
    assert find({"HEADGATE_CONFIG": "my.yaml"}, tmp_path) == tmp_path / "my.yaml"
    assert find({"HEADGATE_CONFIG": "/etc/my.yaml"}, tmp_path) == Path("/etc/my.yaml")


def test_without_a_name_the_usual_files_are_looked_for_in_their_order(tmp_path: Path) -> None:
    assert find({}, tmp_path) is None
    for name in ("config.yaml", "litellm.yaml", "headgate.yaml"):
        (tmp_path / name).touch()
        assert find({"HEADGATE_CONFIG": " "}, str(tmp_path)) == tmp_path / name


def test_a_good_file_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "litellm.yaml"
    path.write_text(ONE_MODEL)
    settings = load(path, ENV, load_catalog())
    assert settings.routes.names == ("gpt-4o",)
    assert settings.source == str(path)
    assert settings.problems == ()


def test_a_running_ollama_is_told_to_a_file_that_asks_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("headgate_settings: {providers_from_environment: true}")
    settings = load(path, {}, load_catalog(), ollama_up=True)
    assert settings.routes.wildcards == ("ollama/*",)


def test_a_bad_file_raises_all_its_errors_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("litellm.yaml").write_text(
        "model_list:\n"
        "  - model_name: a\n"
        "    litellm_params: {model: openai/a, rpm: ten}\n"
        "  - model_name: b\n"
        "    litellm_params: {model: opnai/b}\n"
        "guardrails: []\n"
    )
    with pytest.raises(ConfigError) as caught:
        load("litellm.yaml", ENV, load_catalog())
    assert str(caught.value).splitlines() == [
        'litellm.yaml:3: model_list[0].litellm_params.rpm: expected an integer, got "ten"',
        'litellm.yaml:5: model_list[1].litellm_params.model: unknown provider "opnai";'
        " did you mean openai?",
    ]
    assert [problem.level for problem in caught.value.problems] == ["error", "error", "note"]


def test_a_file_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigError) as caught:
        load(path, {}, load_catalog())
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_a_file_that_is_no_yaml_is_examined_without_an_exception() -> None:
    settings = examined("model_list: ]")
    assert settings.routes.deployments == ()
    assert [problem.level for problem in settings.problems] == ["error"]


def test_warnings_and_notes_do_not_keep_it_from_being_served() -> None:
    settings = with_sections("router_settings: {num_retry: 1, polling_interval: 5}")
    assert served(settings) is settings
    assert len(settings.problems) == 2


def test_nothing_is_written_to_what_was_handed_in(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"{ONE_MODEL}\nenvironment_variables: {{A: b}}\n")
    env, catalog = dict(ENV), load_catalog()
    assert examine(path, env, catalog).environment["A"] == "b"
    assert env == ENV
    assert catalog == load_catalog()
