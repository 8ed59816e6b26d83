"""`headgate serve` says in a sentence why it cannot start, and else how to use it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pipelines.providers.load import load_catalog
from proxy.commands.serve import banner, read_settings, serve_command
from proxy.config.load import load
from proxy.config.settings import Settings
from proxy.server import ServerSettings


def settings_of(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "headgate.yaml"
    file.write_text(text)
    return load(file, {}, load_catalog())


DEMO = "model_list:\n  - {model_name: demo, litellm_params: {model: mock/demo}}\n"


def test_the_banner_tells_address_models_and_how_to_try_them(tmp_path: Path) -> None:
    shown = banner(settings_of(tmp_path, DEMO), "127.0.0.1", 4000)
    assert "http://127.0.0.1:4000/v1/chat/completions" in shown
    assert '"model":"demo"' in shown
    assert "OpenWebUI" in shown
    assert "Authorization" not in shown


def test_the_banner_never_shows_the_master_key(tmp_path: Path) -> None:
    text = DEMO + "general_settings: {master_key: sk-a-very-secret-master-key}\n"
    shown = banner(settings_of(tmp_path, text), "0.0.0.0", 4000)
    assert "sk-a-very" not in shown
    assert "$HEADGATE_MASTER_KEY" in shown
    assert "http://127.0.0.1:4000" in shown


def test_the_banner_counts_the_models_that_it_does_not_list(tmp_path: Path) -> None:
    lines = "".join(
        f"  - {{model_name: m{n}, litellm_params: {{model: mock/demo}}}}\n" for n in range(15)
    )
    assert "and 3 more" in banner(settings_of(tmp_path, f"model_list:\n{lines}"), "::1", 1)


def test_without_any_file_the_gateway_serves_the_mock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "demo" in read_settings(None, {}).routes.names


def served(file: Path, host: str) -> int:
    env = {"HEADGATE_DATA_DIR": str(file.parent / "data")}
    return serve_command(str(file), ServerSettings(host=host, port=0), env, out=io.StringIO())


def test_a_public_address_without_a_key_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text(DEMO)
    assert served(file, "0.0.0.0") == 1
    assert "headgate cannot start: " in capsys.readouterr().err


def test_a_broken_file_is_refused_with_path_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("model_list:\n  - {model_name: a, litellm_params: {model: mock/a, rpm: ten}}\n")
    assert served(file, "127.0.0.1") == 1
    assert "broken.yaml:2" in capsys.readouterr().err


def test_an_unknown_stage_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text(
        DEMO + "headgate_settings: {stages: [auth, nobody, route, translate, stream]}\n"
    )
    assert served(file, "127.0.0.1") == 1
    assert "nobody" in capsys.readouterr().err
