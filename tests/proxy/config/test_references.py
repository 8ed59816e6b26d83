"""References to variables and files."""

from __future__ import annotations

from pathlib import Path

from proxy.config.masking import Vault
from proxy.config.problems import Problems
from proxy.config.references import Reading, References
from tests.proxy.config.builders import examined, only, references_of, told

ENV = {"KEY": "marked-secret-1", "HOST": "gpu-1", "EMPTY": " "}


def test_a_variable_takes_the_place_of_its_reference_anywhere() -> None:
    _, data = references_of("a: [{b: os.environ/HOST}]\nc: http://os.environ/HOST:8000/v1\n", ENV)
    assert data == {"a": [{"b": "gpu-1"}], "c": "http://gpu-1:8000/v1"}


def test_where_a_value_came_from_is_remembered() -> None:
    references, _ = references_of("api_key: os.environ/KEY\n", ENV)
    assert references.sources == {("api_key",): "KEY"}


def test_a_variable_that_is_not_set_becomes_nothing_and_is_told_by_name() -> None:
    references, data = references_of("a: os.environ/NONE\nb: x os.environ/EMPTY\n", ENV)
    assert data == {"a": None, "b": None}
    assert references.unset == {
        ("a",): "the environment variable NONE is not set",
        ("b",): "the environment variable EMPTY is not set",
    }


def test_a_secret_behind_the_mark_is_not_told() -> None:
    references, _ = references_of("api_key: os.environ/sk-marked-secret\n", ENV)
    assert "marked" not in str(references.unset)


def test_own_variables_are_seen_by_all_others_and_win() -> None:
    text = """
        a: os.environ/HOST
        environment_variables:
          HOST: os.environ/KEY
          PORT: 8000
          NOTHING:
    """
    references, data = references_of(text, ENV)
    assert data["a"] == "marked-secret-1"
    assert references.env["PORT"] == "8000"
    assert "NOTHING" not in references.env
    assert ENV["HOST"] == "gpu-1"


def test_a_secret_is_read_from_a_file_beside_the_configuration() -> None:
    text = """
        model_list:
          - model_name: m
            litellm_params: {model: openai/m, api_key: "file:openai.key"}
    """
    settings = examined(text, {}, files={"openai.key": "sk-from-a-file-0123456789\n"})
    assert settings.key_hints[only(settings).id] == "sk-…6789 (file:openai.key)"


def test_a_file_is_read_only_where_a_secret_belongs() -> None:
    _, data = references_of("model: 'file:nothing'\n", {})
    assert data == {"model": "file:nothing"}


def test_a_file_that_gives_no_secret_is_told_by_its_name() -> None:
    text = """
        model_list:
          - model_name: good
            litellm_params: {model: mock/good}
          - model_name: a
            litellm_params: {model: openai/a, api_key: "file:none.key"}
          - model_name: b
            litellm_params: {model: openai/b, api_key: "file:empty.key"}
    """
    settings = examined(text, {}, files={"empty.key": "\n"})
    assert told(settings, "warning") == [
        "6: model_list[1].litellm_params.api_key: left out: the file none.key cannot be read:"
        " No such file or directory",
        "8: model_list[2].litellm_params.api_key: left out: the file empty.key is empty",
    ]


def test_a_file_that_is_no_text_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "binary.key"
    path.write_bytes(b"\xff\xfe")
    references, _ = references_of(f"api_key: 'file:{path}'\n", {})
    assert str(references.unset[("api_key",)]).endswith("binary.key is not UTF-8 text")


def test_what_stands_where_a_secret_belongs_is_kept_in_the_vault() -> None:
    text = "api_key: os.environ/KEY\nextra_headers: {X-A: header-marked}\npassword: 12345678\n"
    references, _ = references_of(text, ENV)
    scrubbed = references.vault.scrub("marked-secret-1 header-marked 12345678")
    assert scrubbed == "**** **** ****"


def test_a_reading_gives_variables_that_are_not_empty() -> None:
    reading = Reading(References(ENV, Vault()), Problems("a.yaml", Vault()))
    assert reading.variable("HOST") == "gpu-1"
    assert reading.variable("EMPTY") is None
    assert reading.variable("NONE") is None


def test_a_reference_that_nobody_told_of_is_a_warning_at_the_end() -> None:
    reading = Reading(References({}, Vault()), Problems("a.yaml", Vault()))
    reading.references.unset[("a", "b")] = "the environment variable B is not set"
    reading.tell_unset()
    (problem,) = reading.problems.found()
    assert (problem.level, problem.where) == ("warning", "a.b")
