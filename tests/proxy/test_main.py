"""The command line knows its commands and gives back their exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from proxy import __version__
from proxy.__main__ import main, parser


def test_version_prints_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"headgate {__version__}\n"


def test_check_gives_back_1_for_a_file_that_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--config", "nowhere.yaml"]) == 1
    assert "nowhere.yaml" in capsys.readouterr().out


def test_serve_listens_on_this_machine_only_unless_told_otherwise() -> None:
    options = parser().parse_args(["serve"])
    assert (options.host, options.port, options.config) == ("127.0.0.1", 4000, None)


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_check_into_a_pipe_that_closes_early_says_nothing(tmp_path: Path) -> None:
    lines = "".join(
        f"  - {{model_name: m{n}, litellm_params: {{model: mock/demo}}}}\n" for n in range(3000)
    )
    config = tmp_path / "many.yaml"
    config.write_text(f"model_list:\n{lines}")
    shell = f'"{sys.executable}" -m proxy check --config "{config}" | head -1'
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
