"""`headgate check`."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from textwrap import dedent

import pytest

from proxy.commands.check import WIDTH, check

ENV = {"OPENAI_API_KEY": "sk-openai-0123456789abcdef", "GROQ_API_KEY": "groq-0123456789abcdef"}
FILE = """
    model_list:
      - model_name: gpt-4o
        litellm_params:
          model: openai/gpt-4o
          rpm: 1000000
          weight: 0.5
          order: 1
          timeout: 30
          stream_timeout: 2.5
          max_retries: 0
          temperature: 0.2
          tag_regex: [paid]
          input_cost_per_token: 1.5e-07
          output_cost_per_token: 6e-07
          extra_headers: {X-Team: red}
      - model_name: llama
        litellm_params: {model: groq/llama-3.1-8b-instant, tag_regex: [free]}
      - model_name: gone
        litellm_params: {model: together_ai/m}
    router_settings:
      fallbacks: [{gpt-4o: [llama]}, {"*": [gpt-4o]}]
      default_fallbacks: [llama]
      model_group_alias: {gpt-4: gpt-4o, secret-name: {model: llama, hidden: true}}
    general_settings:
      master_key: sk-master-0123456789abcdef
    headgate_settings:
      stages: [auth, route, translate, stream]
"""


def checked(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str = FILE,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """The exit code and the text of a check of this file, seen from its folder."""
    monkeypatch.chdir(folder)
    Path("litellm.yaml").write_text(dedent(text), "utf-8")
    out = StringIO()
    return check("litellm.yaml", ENV if env is None else env, out), out.getvalue()


def section(text: str, title: str) -> list[str]:
    """The lines below a title."""
    _, _, after = f"\n{text}".partition(f"\n{title}\n")
    body, _, _ = after.partition("\n\n")
    return body.splitlines()


def test_the_models_are_a_table_with_their_details(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = checked(tmp_path, monkeypatch)
    assert code == 0
    assert text.startswith("litellm.yaml: 2 deployments under 2 names, 0 errors, 1 warning\n")
    assert section(text, "Models") == [
        "  NAME    PROVIDER  MODEL                 ADDRESS",
        "  gpt-4o  openai    gpt-4o                https://api.openai.com/v1",
        "    key sk-…cdef (OPENAI_API_KEY), order 1, weight 0.5, rpm 1000000, max_retries 0, "
        "timeout 30 s,",
        "      first byte 2.5 s, $0.15 in and $0.6 out per million tokens, headers X-Team,",
        "      defaults temperature",
        "  llama   groq      llama-3.1-8b-instant  https://api.groq.com/openai/v1",
        "    key …cdef (GROQ_API_KEY), $0.05 in and $0.08 out per million tokens",
    ]


def test_aliases_fallbacks_and_stages_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = checked(tmp_path, monkeypatch)
    assert section(text, "Aliases") == ["  gpt-4 → gpt-4o", "  secret-name → llama (hidden)"]
    assert section(text, "Fallbacks") == [
        "  gpt-4o → llama",
        "  all others (*) → gpt-4o",
        "  default → llama",
    ]
    assert section(text, "Stages") == ["  auth → route → translate → stream"]
    assert "master key sk-…cdef" in text


def test_a_key_that_is_not_active_yet_is_one_line_however_often_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = checked(tmp_path, monkeypatch)
    assert section(text, "Not active yet") == [
        "  model_list[].litellm_params.tag_regex (litellm.yaml:13 and 1 other)"
    ]


def test_what_is_left_out_is_a_warning_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = checked(tmp_path, monkeypatch)
    assert section(text, "Warnings") == [
        "  litellm.yaml:20: model_list[2].litellm_params.api_key: left out: no key for Together AI:"
        " set api_key here, or TOGETHER_API_KEY or TOGETHERAI_API_KEY or TOGETHER_AI_API_KEY"
    ]
    assert text.endswith("\nThis configuration can be served.\n")


def test_an_error_makes_it_fail_and_the_rest_is_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = checked(tmp_path, monkeypatch, FILE.replace("rpm: 1000000", "rpm: ten"))
    assert code == 1
    assert section(text, "Errors") == [
        '  litellm.yaml:6: model_list[0].litellm_params.rpm: expected an integer, got "ten"'
    ]
    assert section(text, "Stages")
    assert text.endswith("\nThis configuration cannot be served.\n")


def test_a_blocked_model_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
        model_list:
          - {model_name: a, litellm_params: {model: mock/a}, blocked: true}
          - {model_name: b, litellm_params: {model: mock/b}}
    """
    _, printed = checked(tmp_path, monkeypatch, text)
    assert section(printed, "Notes") == [
        "  litellm.yaml:3: model_list[0].model_name: left out: it is blocked"
    ]


def test_a_stage_that_nobody_offers_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, text = checked(tmp_path, monkeypatch, FILE.replace("[auth,", "[atuh,"))
    assert code == 1
    (error,) = section(text, "Errors")
    assert "'atuh' is unknown" in error


def test_a_file_that_is_not_there_fails(tmp_path: Path) -> None:
    out = StringIO()
    assert check(str(tmp_path / "none.yaml"), ENV, out) == 1
    assert "cannot be read: No such file or directory" in out.getvalue()


def test_without_a_file_the_usual_ones_are_found_else_zero_configuration_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = StringIO()
    assert check(None, {}, out) == 0
    assert out.getvalue().startswith("zero configuration: 2 deployments")
    Path("config.yaml").write_text("model_list: []")
    out = StringIO()
    assert check(None, {}, out) == 1
    assert out.getvalue().startswith("config.yaml: 0 deployments")


def test_the_table_fits_into_the_width_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, model = "a-very-long-public-name-" * 3, "org/a-very-long-model-name-" * 3
    text = f"""
        model_list:
          - model_name: {name}
            litellm_params:
              model: openai_like/{model}
              api_base: https://a-very-long-host.in-a-very-long-domain.example/with/a/path
        router_settings: {{default_fallbacks: [{name}, {name}x, {name}y]}}
    """
    _, printed = checked(tmp_path, monkeypatch, text)
    problems = section(printed, "Warnings")
    assert all(len(line) <= WIDTH for line in printed.splitlines() if line not in problems)
    rows = section(printed, "Models")[1:-1]
    joined = "".join(row[2:].split("  ")[0].strip() for row in rows)
    assert joined.startswith(name.strip("-"))


def test_nothing_is_coloured_and_no_key_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = checked(tmp_path, monkeypatch)
    assert "\x1b" not in text
    for secret in (*ENV.values(), "sk-master-0123456789abcdef"):
        assert secret not in text


def test_stages_in_a_wrong_order_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "headgate.yaml"
    file.write_text(
        "model_list:\n  - {model_name: demo, litellm_params: {model: mock/demo}}\n"
        "headgate_settings: {stages: [route, auth, translate, stream]}\n"
    )
    out = StringIO()
    assert check(str(file), {}, out) == 1
    assert "stage 'route' needs principal" in out.getvalue()


UNPRICED = """
    model_list:
      - {model_name: mine, litellm_params: {model: hosted_vllm/m, api_base: "http://127.0.0.1:1"}}
      - {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o}}
    general_settings: {master_key: sk-0123456789abcdef0123}
"""


def test_a_budget_that_cannot_count_a_model_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = checked(tmp_path, monkeypatch, UNPRICED)
    assert "no price is known" not in text
    budget = UNPRICED.replace("{master_key", "{max_budget: 5, master_key")
    _, text = checked(tmp_path, monkeypatch, budget)
    assert "no price is known for mine, so" in text
