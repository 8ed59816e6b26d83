"""Replaces `os.environ/NAME` and `file:PATH` by what they stand for.

The rule: whatever stands where a secret belongs is remembered in the vault; a reference that leads
nowhere becomes nothing and is told by its name, never by a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proxy.config.document import Node
from proxy.config.environment import layered
from proxy.config.masking import Vault, hides, is_secret, plain
from proxy.config.problems import Problems, Spot, Trail

MARK = "os.environ/"
FILE_MARK = "file:"
LARGEST_SECRET = 65_536

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EMBEDDED = re.compile(re.escape(MARK) + f"({_NAME.pattern})")


class References:
    """The plain data of a tree of nodes.

    `spots` tells where each path stands, `sources` which variable or file a value came from, and
    `unset` why a value that was asked for is not there.
    """

    def __init__(self, env: Mapping[str, str], vault: Vault) -> None:
        self.env = env
        self.spots: dict[Trail, Spot] = {}
        self.sources: dict[Trail, str] = {}
        self.unset: dict[Trail, str] = {}
        self.vault = vault

    def sections(self, nodes: Mapping[str, Node]) -> dict[str, Any]:
        """The plain data of all sections; those of `environment_variables` are set for the rest."""
        name = "environment_variables"
        found = self.plain(nodes[name], (name,)) if name in nodes else None
        if isinstance(found, Mapping):
            values = {key: str(value) for key, value in found.items() if value is not None}
            self.env = layered(self.env, values)
        own = {} if found is None else {name: found}
        others = {key: self.plain(node, (key,)) for key, node in nodes.items() if key != name}
        return {**own, **others}

    def plain(self, node: Node, trail: Trail) -> Any:
        """The value below this node, all references replaced."""
        self.spots[trail] = node.spot
        value = node.value
        if isinstance(value, Mapping):
            return {name: self.plain(item, (*trail, name)) for name, item in value.items()}
        if isinstance(value, tuple):
            return [self.plain(item, (*trail, index)) for index, item in enumerate(value)]
        hidden = hides(trail)
        if isinstance(value, str):
            value = self._replaced(value, trail, hidden)
        if hidden and value is not None:
            self.vault.keep(str(value))
        return value

    def _replaced(self, text: str, trail: Trail, hidden: bool) -> str | None:
        if text.startswith(MARK):
            return self._variable(text.removeprefix(MARK).strip(), trail, hidden)
        if hidden and text.startswith(FILE_MARK):
            return self._file(text.removeprefix(FILE_MARK).strip(), trail)
        if MARK not in text:
            return text
        found = {name: self._variable(name, trail, hidden) for name in _EMBEDDED.findall(text)}
        if not found or any(value is None for value in found.values()):
            return None if found else text
        return _EMBEDDED.sub(lambda match: found[match[1]] or "", text)

    def _variable(self, name: str, trail: Trail, hidden: bool) -> str | None:
        if not _NAME.fullmatch(name):
            self.unset[trail] = f"{MARK} must be followed by the name of a variable"
            return None
        value = self.env.get(name, "").strip()
        if not value:
            self.unset[trail] = f"the environment variable {plain(name)} is not set"
            return None
        self.sources[trail] = name
        if hidden or is_secret(name):
            self.vault.keep(value)
        return value

    def _file(self, name: str, trail: Trail) -> str | None:
        path = Path(self.spots[trail].file).parent / name
        try:
            with path.open("rb") as file:
                value = file.read(LARGEST_SECRET).decode("utf-8").strip()
        except OSError as error:
            self.unset[trail] = f"the file {plain(name)} cannot be read: {error.strerror}"
            return None
        except ValueError:
            self.unset[trail] = f"the file {plain(name)} is not UTF-8 text"
            return None
        if not value:
            self.unset[trail] = f"the file {plain(name)} is empty"
            return None
        self.sources[trail] = f"{FILE_MARK}{name}"
        return value


@dataclass(frozen=True, slots=True)
class Reading:
    """What one configuration is read with: its references, and where its problems are told."""

    references: References
    problems: Problems

    @property
    def env(self) -> Mapping[str, str]:
        """The environment with the configuration's own variables laid over it."""
        return self.references.env

    def variable(self, name: str) -> str | None:
        """The value of a variable; None where it is not set or empty."""
        return self.env.get(name, "").strip() or None

    def tell_unset(self) -> None:
        """Warn of the references that lead nowhere and that nobody has told of."""
        for trail, reason in self.references.unset.items():
            self.problems.warning(trail, reason)
