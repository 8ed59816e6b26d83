"""YAML with places, includes and duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from proxy.config.document import Node, read_document
from proxy.config.masking import Vault
from proxy.config.problems import Problems, Trail
from tests.proxy.config.builders import examined, nodes_of, said, told


def value_of(node: Node) -> Any:
    if isinstance(node.value, tuple):
        return [value_of(item) for item in node.value]
    if isinstance(node.value, str | int | float | None):
        return node.value
    return {name: value_of(item) for name, item in node.value.items()}


def data_of(text: str) -> Any:
    nodes, problems = nodes_of(text)
    assert nodes is not None
    assert problems == []
    return {name: value_of(node) for name, node in nodes.items()}


def spots_of(node: Node) -> list[tuple[int, Trail]]:
    below = node.value.values() if isinstance(node.value, Mapping) else node.value
    items = below if isinstance(below, Iterable) and not isinstance(below, str) else ()
    here = (node.spot.line, node.spot.trail)
    return [here, *(spot for item in items for spot in spots_of(item))]


def test_every_value_knows_its_line_and_path() -> None:
    nodes, _ = nodes_of("a:\n  b:\n    - x\n    - c: 1\n")
    assert nodes is not None
    assert spots_of(nodes["a"]) == [
        (1, ("a",)),
        (2, ("a", "b")),
        (3, ("a", "b", 0)),
        (4, ("a", "b", 1)),
        (4, ("a", "b", 1, "c")),
    ]


def test_values_have_the_types_that_yaml_gives_them() -> None:
    text = "a: 1\nb: 1.5e-07\nc: yes\nd: ~\ne: 'x'\nf: 1e-7\ng: 0x10\nh: off\n"
    assert data_of(text) == {
        "a": 1,
        "b": 1.5e-07,
        "c": True,
        "d": None,
        "e": "x",
        "f": "1e-7",
        "g": 16,
        "h": False,
    }


def test_an_unquoted_date_stays_text() -> None:
    assert data_of("api_version: 2024-10-21\n") == {"api_version": "2024-10-21"}


def test_keys_are_taken_as_they_are_written() -> None:
    assert data_of("a: {1: x, on: y, 4o: z}\n") == {"a": {"1": "x", "on": "y", "4o": "z"}}


def test_anchors_and_merges_work_and_a_key_of_its_own_wins() -> None:
    text = """
        base: &base {a: 1, b: 2}
        more: &more {b: 3, c: 4}
        one: {<<: *base, b: 9}
        two: {<<: [*base, *more]}
    """
    data = data_of(text)
    assert data["one"] == {"a": 1, "b": 9}
    assert data["two"] == {"a": 1, "b": 2, "c": 4}


def test_an_empty_file_has_no_sections() -> None:
    assert data_of("") == {}
    assert data_of("# only words\n") == {}


def test_a_key_given_twice_is_an_error_with_both_lines() -> None:
    _, problems = nodes_of("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 2\n")
    assert problems == [
        "litellm.yaml:5: b.c: c is given twice, in line 3 and in line 5",
        "litellm.yaml:6: a: a is given twice, in line 1 and in line 6",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: ]\n", 1),
        ("a: b: c\n", 1),
        ("a: 1\n\tb: 2\n", 2),
        ("a: 1\n---\nb: 2\n", 2),
        ("a: *nowhere\n", 1),
        ("a: \x07\n", 1),
        ("- a\n- b\n", 1),
        ("just words\n", 1),
    ],
)
def test_what_is_not_a_yaml_file_of_sections_is_one_error_with_its_line(
    text: str, line: int
) -> None:
    nodes, problems = nodes_of(text)
    assert nodes is None
    (problem,) = problems
    assert problem.startswith(f"litellm.yaml:{line}: ")


@pytest.mark.parametrize(
    "text",
    ["a: !sk-marked-secret x", "a: *sk-marked-secret", "a: 'sk-marked-secret", "a: {sk-marked: ]"],
)
def test_a_message_never_quotes_the_text(text: str) -> None:
    _, problems = nodes_of(text)
    assert problems
    assert "marked" not in "".join(problems)


def test_an_alias_that_contains_itself_is_an_error() -> None:
    nodes, problems = nodes_of("a: &a\n  - *a\n")
    assert nodes is None
    assert "contains itself" in problems[0]


def test_aliases_that_multiply_without_end_are_an_error() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 9):
        items = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} [{items}]")
    nodes, problems = nodes_of("\n".join(lines))
    assert nodes is None
    assert "too many values" in problems[0]


def test_numbers_that_are_none_are_told() -> None:
    _, problems = nodes_of("a: !!int ten\nb: {<<: 3}\n? [x]\n: y\n")
    assert len(problems) == 3


INCLUDED = """
model_list:
  - model_name: other
    litellm_params: {model: openai/other, rpm: ten}
general_settings:
  max_request_size_mb: 2
"""


def test_included_lists_are_appended_and_maps_merged() -> None:
    main = """
        include: [other.yaml]
        model_list:
          - model_name: main
            litellm_params: {model: openai/main}
        general_settings:
          litellm_key_header_name: X-Key
          max_request_size_mb: 1
    """
    settings = examined(main, files={"other.yaml": INCLUDED})
    assert [one.group for one in settings.routes.deployments] == ["main", "other"]
    assert settings.key_header == "X-Key"
    assert settings.max_body_bytes == 2 * 1024 * 1024
    assert "takes the place of" in said(settings, "warning")


def test_a_problem_of_an_included_file_has_that_files_line_and_path() -> None:
    settings = examined("include: other.yaml\nmodel_list: []\n", files={"other.yaml": INCLUDED})
    (problem,) = (problem for problem in settings.problems if problem.level == "error")
    assert Path(problem.file).name == "other.yaml"
    assert (problem.line, problem.where) == (4, "model_list[0].litellm_params.rpm")


@pytest.mark.parametrize("name", ["missing.yaml", "litellm.yaml"])
def test_an_include_that_cannot_be_followed_is_an_error_at_its_line(name: str) -> None:
    settings = examined(f"model_list: []\ninclude:\n  - {name}\n")
    (error,) = told(settings, "error")
    assert error.startswith("3: include[0]: ")


def test_an_included_section_may_take_anothers_place() -> None:
    settings = examined(
        "include: b.yaml\nguardrails: {a: 1}\n", files={"b.yaml": "guardrails: [1]"}
    )
    assert "guardrails: this included value takes the place of" in said(settings, "warning")


def test_an_include_may_be_left_empty() -> None:
    assert said(examined("include:\nmodel_list: []\n"), "error").startswith("model_list: there is")


def test_what_nests_too_deep_is_an_error() -> None:
    nodes, problems = nodes_of("a: " + "[" * 5_000 + "]" * 5_000)
    assert nodes is None
    assert len(problems) == 1


def test_an_include_that_is_no_name_is_an_error() -> None:
    assert "include[0]: expected the name of a file" in said(examined("include: [[1]]"), "error")


def test_a_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"a: \xff\n")
    problems = Problems(str(path), Vault())
    assert read_document(path, problems) is None
    assert "not UTF-8" in str(problems.found()[0])
