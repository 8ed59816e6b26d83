"""The stages come from the configuration: in another order, fewer, and one of somebody else's."""

from __future__ import annotations

import configparser
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.configs import config, mocks
from tests.e2e.gateway import ROOT, Gateway, headgate, running, written
from tests.e2e.plain import ask, chat

EXAMPLE = ROOT / "tests" / "plugins" / "example"
PLUGIN = "example-signature"
STAGES = ["auth", "conversation", "budget", "cache", "route", "translate", "stream", "log"]
WORDS = chat("mock/words3-rate0")


def install(target: Path) -> dict[str, str]:
    """The example as pip leaves it in a folder, without its network; the environment to find it."""
    setup = configparser.ConfigParser()
    setup.read(EXAMPLE / "setup.cfg", "utf-8")
    name, version = setup["metadata"]["name"], setup["metadata"]["version"]
    package = setup["options"]["packages"].strip()
    shutil.copytree(EXAMPLE / package, target / package)
    info = target / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata, "utf-8")
    points = setup["options.entry_points"]
    lines = "".join(f"[{group}]\n{points[group].strip()}\n" for group in points)
    (info / "entry_points.txt").write_text(lines, "utf-8")
    return {"PYTHONPATH": os.pathsep.join((str(ROOT), str(target)))}


def staged(stages: Sequence[Any]) -> dict[str, Any]:
    """A configuration with these stages in this order."""
    return config(*mocks(), stages=list(stages))


def without(*names: str) -> list[str]:
    """The usual stages but for these."""
    return [name for name in STAGES if name not in names]


def behind(name: str, stage: Any) -> list[Any]:
    """The usual stages, and one more behind one of them."""
    at = STAGES.index(name) + 1
    return [*STAGES[:at], stage, *STAGES[at:]]


def answered(gateway: Gateway) -> bytes:
    """The body of a short stream."""
    answer = ask(gateway, body=WORDS)
    assert answer.status == 200, answer.body
    return answer.body


def refused(folder: Path, stages: Sequence[Any], env: dict[str, str] | None = None) -> str:
    """Why a gateway with these stages does not start."""
    path = written(folder, staged(stages))
    told = headgate(folder, "serve", "--config", str(path), "--port", "0", env=env)
    assert told.returncode == 1
    assert told.stderr.startswith("headgate cannot start: ")
    assert "Traceback" not in told.stderr
    return told.stderr


@pytest.mark.parametrize("place", ["auth", "route"])
def test_a_plugin_is_put_into_its_place_by_the_configuration(tmp_path: Path, place: str) -> None:
    env = install(tmp_path / "site")
    stages = behind(place, {PLUGIN: {"word": "seen"}})
    with running(tmp_path, staged(stages), env=env) as gateway:
        raw = answered(gateway)
        whole = ask(gateway, body=chat("mock/words3", stream=False))
    assert raw.partition(b"data: [DONE]\n\n")[2].startswith(b": seen for master, ")
    assert whole.json["choices"]


def test_a_plugin_that_stands_where_it_cannot_work_is_refused(tmp_path: Path) -> None:
    # Behind the source a stage wraps all the others, and who calls is not known there yet.
    env = install(tmp_path / "site")
    assert f"stage '{PLUGIN}' needs principal" in refused(tmp_path, behind("log", PLUGIN), env)


def test_the_settings_of_a_plugin_reach_it(tmp_path: Path) -> None:
    env = install(tmp_path / "site")
    stages = behind("auth", {PLUGIN: {"forbidden_model": "demo"}})
    with running(tmp_path, staged(stages), env=env) as gateway:
        answer = ask(gateway, body=chat("demo"))
        assert (answer.status, answer.error["param"]) == (400, "model")
        assert answer.error["message"] == "This model is forbidden here."
        assert b": signed for master, " in answered(gateway)


def test_a_plugin_that_nobody_names_is_not_there(tmp_path: Path) -> None:
    with running(tmp_path, staged(STAGES), env=install(tmp_path / "site")) as gateway:
        assert answered(gateway).endswith(b"data: [DONE]\n\n")


def test_stages_stand_in_another_order(tmp_path: Path) -> None:
    order = ["auth", "cache", "budget", "route", "translate", "stream", "log"]
    with running(tmp_path, staged(order)) as gateway:
        assert answered(gateway).endswith(b"data: [DONE]\n\n")
        assert gateway.call("mock/words3-rate0")["outcome"] == "ok"


def test_stages_that_nobody_wants_are_left_out(tmp_path: Path) -> None:
    with running(tmp_path, staged(without("budget", "cache", "log"))) as gateway:
        assert answered(gateway).endswith(b"data: [DONE]\n\n")
        assert ask(gateway, body=chat("nobody")).status == 404
        gateway.stop()
        assert gateway.calls == []


@pytest.mark.parametrize(
    "stages, words",
    [
        (["route", *without("route")], "stage 'route' needs principal"),
        (without("route"), "stage 'translate' needs deployment"),
        (without("stream"), "stage 'stream' is missing"),
        ([*STAGES, "auth"], "listed twice"),
        ([*STAGES, "nobodys"], "stage 'nobodys' is unknown; built in are auth, conversation"),
    ],
)
def test_stages_that_cannot_work_are_refused_with_a_clear_sentence(
    tmp_path: Path, stages: list[str], words: str
) -> None:
    assert words in refused(tmp_path, stages)


def test_check_names_a_stage_that_nobody_offers(tmp_path: Path) -> None:
    path = str(written(tmp_path, staged([*STAGES, PLUGIN])))
    told = headgate(tmp_path, "check", "--config", path)
    assert told.returncode == 1
    assert PLUGIN in told.stdout
    good = headgate(tmp_path, "check", "--config", path, env=install(tmp_path / "site"))
    assert f"log → {PLUGIN}" in good.stdout


def test_a_broken_plugin_is_named(tmp_path: Path) -> None:
    site = tmp_path / "site"
    env = install(site)
    (site / "headgate_example" / "__init__.py").write_text("import no_such_module\n", "utf-8")
    said = refused(tmp_path, behind("auth", PLUGIN), env)
    assert f"stage '{PLUGIN}' (headgate_example:Signature) cannot be loaded" in said
