"""The commands say in a sentence what they do, and what keeps them from it."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from proxy import __version__
from tests.e2e.configs import config, entry, mocks
from tests.e2e.gateway import KEY, PATIENCE, ROOT, headgate, running, written
from tests.e2e.plain import ask, chat, events
from tests.e2e.process import memory

OPEN = {"model_list": [entry("demo", "mock/demo")]}
WRONG = "model_list:\n- model_name: a\n  litellm_params:\n    model: mock/a\n    rpm: ten\n"
QUICKSTART = (ROOT / "deploy" / "examples" / "quickstart.yaml").read_text("utf-8")


def refused(folder: Path, text: object, *arguments: str) -> str:
    """What `serve` says when it does not start: one line, and no traceback."""
    path = written(folder, text if isinstance(text, str | dict) else "")
    told = headgate(folder, "serve", "--config", str(path), "--port", "0", *arguments)
    assert told.returncode == 1
    assert told.stdout == ""
    assert told.stderr.startswith("headgate cannot start: ")
    assert "Traceback" not in told.stderr
    return told.stderr.removeprefix("headgate cannot start: ").strip()


def test_all_the_world_is_not_let_in_without_a_key(tmp_path: Path) -> None:
    said = refused(tmp_path, OPEN, "--host", "0.0.0.0")
    assert said.startswith("0.0.0.0 can be reached from outside and no master key is set")
    assert "HEADGATE_MASTER_KEY" in said
    assert "\n" not in said


def test_all_the_world_is_let_in_with_a_key(tmp_path: Path) -> None:
    env = {"HEADGATE_MASTER_KEY": KEY}
    with running(tmp_path, OPEN, "--host", "0.0.0.0", env=env) as gateway:
        assert ask(gateway, body=chat("demo", stream=False)).status == 200
        stranger = ask(gateway, body=chat("demo"), headers={"Authorization": "Bearer sk-no"})
        assert stranger.status == 401
        assert KEY not in gateway.banner
        assert not [line for line in gateway.lines if line["level"] == "warning" and
                    line["event"] != "call"]  # fmt: skip


def test_a_key_that_everybody_knows_is_warned_of(tmp_path: Path) -> None:
    weak = {**OPEN, "general_settings": {"master_key": "sk-1234"}}
    with running(tmp_path, weak) as gateway:
        [line] = [one for one in gateway.lines if one["level"] == "warning"]
    assert "everybody knows it" in line["event"]
    assert "general_settings.master_key" in line["where"]
    assert "sk-1234" not in str(line)


def test_without_a_key_this_machine_may_use_any(tmp_path: Path) -> None:
    with running(tmp_path, OPEN) as gateway:
        for key in ("", "Bearer anything"):
            answer = ask(gateway, "/v1/models", method="GET", headers={"Authorization": key})
            assert answer.status == 200
        assert "any key" in gateway.banner


def test_a_port_that_is_taken_is_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = written(tmp_path, OPEN)
        told = headgate(tmp_path, "serve", "--config", str(path), "--port", str(port))
    assert told.returncode == 1
    assert told.stderr == (
        f"headgate cannot start: Port {port} of 127.0.0.1 is in use by another program; stop that "
        "one, or choose another port.\n"
    )


def test_a_configuration_that_is_wrong_is_refused_with_its_place(tmp_path: Path) -> None:
    assert "gateway.yaml:5: model_list[0].litellm_params.rpm" in refused(tmp_path, WRONG)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    told = headgate(tmp_path, "serve", "--config", "nowhere.yaml")
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "nowhere.yaml" in told.stderr


def test_check_tells_what_is_served_and_hides_the_keys(tmp_path: Path) -> None:
    secret = "sk-a-very-secret-key-0123456789"
    good = config(entry("gpt", "openai/gpt-4o", api_key=secret), *mocks())
    told = headgate(tmp_path, "check", "--config", str(written(tmp_path, good)))
    assert told.returncode == 0
    assert told.stderr == ""
    assert "3 deployments under 3 names, 0 errors, 0 warnings" in told.stdout
    assert "auth → conversation → budget → cache → route → translate → stream → log" in told.stdout
    assert secret not in told.stdout
    assert KEY not in told.stdout
    assert told.stdout.endswith("This configuration can be served.\n")


def test_check_fails_where_the_gateway_would_not_start(tmp_path: Path) -> None:
    told = headgate(tmp_path, "check", "--config", str(written(tmp_path, WRONG)))
    assert told.returncode == 1
    assert "gateway.yaml:5: model_list[0].litellm_params.rpm" in told.stdout


def test_version_says_which_one_this_is(tmp_path: Path) -> None:
    told = headgate(tmp_path, "version")
    assert (told.returncode, told.stdout) == (0, f"headgate {__version__}\n")


def test_without_any_file_the_demo_is_served(tmp_path: Path) -> None:
    with running(tmp_path, None) as gateway:
        assert ask(gateway, body=chat("demo", stream=False)).status == 200
        assert "Models:" in gateway.banner


@pytest.mark.parametrize("name", ["litellm.yaml", "elsewhere"])
def test_a_file_in_the_folder_or_in_the_environment_is_found(tmp_path: Path, name: str) -> None:
    text = "model_list: [{model_name: found, litellm_params: {model: mock/a}}]"
    (tmp_path / name).write_text(text, "utf-8")
    env = {"HEADGATE_CONFIG": name} if name == "elsewhere" else {}
    told = headgate(tmp_path, "check", env=env)
    assert told.stdout.startswith(f"{name}: ")
    assert "found" in told.stdout


def test_the_quickstart_is_small(tmp_path: Path) -> None:
    # A first start, which makes the tables too; a later one needs some megabytes less.
    with running(tmp_path, QUICKSTART) as gateway:
        resident = memory(gateway)
    if resident is None:
        pytest.skip("the system does not tell")
    assert resident < 110 << 20


def test_the_quickstart_takes_in_the_providers_that_have_a_key(tmp_path: Path) -> None:
    env = {"OPENAI_API_KEY": "sk-a-very-secret-key-0123456789"}
    with running(tmp_path, QUICKSTART, env=env) as gateway:
        assert "openai/*" in gateway.banner
        assert env["OPENAI_API_KEY"] not in gateway.banner


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_of_the_banner_prints_the_stream_piece_by_piece(tmp_path: Path) -> None:
    with running(tmp_path, QUICKSTART) as gateway:
        assert f"URL {gateway.url}/v1, with any key" in gateway.banner
        command = gateway.banner.partition("Try it:")[2].partition("OpenWebUI:")[0].strip()
        assert command.startswith("curl -N ")
        with subprocess.Popen(["sh", "-c", f"exec {command}"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as curl:  # fmt: skip
            assert curl.stdout is not None
            first = curl.stdout.readline()
            assert curl.poll() is None, "curl printed all of it at once"
            rest = curl.stdout.read()
            assert curl.wait(PATIENCE) == 0
    assert len(events(first + rest)) > 20
