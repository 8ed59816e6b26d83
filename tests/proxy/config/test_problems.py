"""Problems know their place."""

from __future__ import annotations

from proxy.config.masking import Vault
from proxy.config.problems import Problem, Problems, Spot, Trail, written

SPOTS: dict[Trail, Spot] = {
    ("model_list",): Spot("a.yaml", 1, ("model_list",)),
    ("model_list", 3): Spot("b.yaml", 7, ("model_list", 0)),
}


def a_collector(secret: str = "") -> Problems:
    vault = Vault()
    vault.keep(secret)
    problems = Problems("a.yaml", vault)
    problems.locate(SPOTS)
    return problems


def test_a_problem_reads_as_file_line_path_and_message() -> None:
    problem = Problem("error", "a.b[2].c", 12, "x.yaml", "expected an integer")
    assert str(problem) == "x.yaml:12: a.b[2].c: expected an integer"


def test_what_is_not_known_is_left_out() -> None:
    assert str(Problem("error", "", None, "x.yaml", "cannot be read")) == "x.yaml: cannot be read"


def test_a_path_is_written_as_people_write_it() -> None:
    assert written(("model_list", 2, "litellm_params", "rpm")) == "model_list[2].litellm_params.rpm"
    assert written(()) == ""


def test_a_missing_key_stands_where_the_nearest_thing_above_it_does() -> None:
    problems = a_collector()
    problems.error(("model_list", 3, "model_name"), "this is missing")
    (problem,) = problems.found()
    assert (problem.file, problem.line, problem.where) == ("b.yaml", 7, "model_list[0].model_name")


def test_the_main_files_problems_come_first_and_each_comes_once() -> None:
    problems = a_collector()
    problems.warning(("model_list", 3), "second")
    problems.note(("model_list",), "first")
    problems.note(("model_list",), "first")
    assert [problem.message for problem in problems.found()] == ["first", "second"]
    assert not problems.failed


def test_a_message_is_scrubbed_of_what_the_vault_keeps() -> None:
    problems = a_collector("secret-marked-1")
    problems.error(("secret-marked-1",), "not secret-marked-1 again")
    (problem,) = problems.found()
    assert "marked" not in str(problem)
    assert problems.failed
