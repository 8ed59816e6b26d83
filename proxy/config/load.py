"""The way in: a file becomes Settings.

The rule: reading a configuration touches nothing but its files; no provider is called and no
variable is set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.routing.routes import Routes
from proxy.config.build import build
from proxy.config.document import read_document
from proxy.config.masking import Vault
from proxy.config.problems import Problem, Problems
from proxy.config.providers import Catalog
from proxy.config.references import Reading, References
from proxy.config.settings import Settings

VARIABLE = "HEADGATE_CONFIG"
FILES = ("headgate.yaml", "litellm.yaml", "config.yaml")


class ConfigError(Exception):
    """A configuration that cannot be served; carries every problem, not just the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems if p.level == "error"))


def find(env: Mapping[str, str], folder: Path | str) -> Path | None:
    """The configuration's file: HEADGATE_CONFIG, else the first usual name in the folder."""
    named = env.get(VARIABLE, "").strip()
    if named:
        return Path(folder, named)
    return next((path for name in FILES if (path := Path(folder, name)).is_file()), None)


def load(
    path: Path | str, env: Mapping[str, str], catalog: Catalog, *, ollama_up: bool = False
) -> Settings:
    """The settings of a file. Raises ConfigError."""
    return served(examine(path, env, catalog, ollama_up=ollama_up))


def examine(
    path: Path | str, env: Mapping[str, str], catalog: Catalog, *, ollama_up: bool = False
) -> Settings:
    """The settings of a file as far as they can be read, errors among their problems."""
    source = str(path)
    vault = Vault()
    problems = Problems(source, vault)
    nodes = read_document(Path(path), problems)
    if nodes is None:
        return Settings(source=source, routes=Routes(()), problems=problems.found())
    references = References(env, vault)
    data = references.sections(nodes)
    problems.locate(references.spots)
    return build(source, data, catalog, ollama_up, Reading(references, problems))


def served(settings: Settings) -> Settings:
    """These settings, if they can be served. Raises ConfigError."""
    if any(problem.level == "error" for problem in settings.problems):
        raise ConfigError(settings.problems)
    return settings
