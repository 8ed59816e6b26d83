"""Builders of configurations: a YAML text in, what became of it out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

from pipelines.deployment import Deployment
from pipelines.providers.load import load_catalog
from proxy.config.document import Node, read_text
from proxy.config.load import examine
from proxy.config.masking import Vault
from proxy.config.problems import Problems
from proxy.config.references import References
from proxy.config.settings import Settings

FILE = "litellm.yaml"
OPENAI_KEY = "sk-openai-0123456789abcdef"
ENV = {"OPENAI_API_KEY": OPENAI_KEY}
ONE_MODEL = """
model_list:
  - model_name: gpt-4o
    litellm_params: {model: openai/gpt-4o}
"""


def examined(
    text: str, env: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None
) -> Settings:
    """What `examine` makes of a file with this text, and of others beside it."""
    with TemporaryDirectory() as folder:
        for name, content in {FILE: text, **(files or {})}.items():
            Path(folder, name).write_text(dedent(content), "utf-8")
        return examine(Path(folder, FILE), ENV if env is None else env, load_catalog())


def with_sections(text: str, env: Mapping[str, str] | None = None) -> Settings:
    """What becomes of a file with one good model and these sections."""
    return examined(f"{ONE_MODEL}\n{dedent(text)}", env)


def with_params(params: str, env: Mapping[str, str] | None = None, name: str = "m") -> Settings:
    """What becomes of a file whose one model has these `litellm_params`, written in one line."""
    return examined(f"model_list:\n- model_name: '{name}'\n  litellm_params: {{{params}}}\n", env)


def only(settings: Settings) -> Deployment:
    """The one deployment that there is."""
    (deployment,) = settings.routes.deployments
    return deployment


def told(settings: Settings, level: str) -> list[str]:
    """The problems of a level, as `line: path: message`."""
    return [
        f"{problem.line}: {problem.where}: {problem.message}"
        for problem in settings.problems
        if problem.level == level
    ]


def said(settings: Settings, level: str) -> str:
    """The problems of a level without their lines, as one text."""
    return "\n".join(
        f"{problem.where}: {problem.message}"
        for problem in settings.problems
        if problem.level == level
    )


def nodes_of(text: str) -> tuple[Mapping[str, Node] | None, list[str]]:
    """The tree of a text, and what is wrong with it."""
    problems = Problems(FILE, Vault())
    return read_text(dedent(text), FILE, problems), [str(problem) for problem in problems.found()]


def references_of(text: str, env: Mapping[str, str]) -> tuple[References, dict[str, object]]:
    """The references of a text and its plain data."""
    nodes, _ = nodes_of(text)
    assert nodes is not None
    references = References(env, Vault())
    return references, references.sections(nodes)
