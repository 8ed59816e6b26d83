"""Reads YAML files into a tree in which every value knows where it stands.

The rule: nothing is lost silently. A key given twice is an error with both lines, an included value
that takes another's place is a warning, and a message never quotes the file's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import yaml

from proxy.config.masking import plain
from proxy.config.problems import Problems, Spot, Trail

MOST_VALUES = 200_000
DEEPEST_INCLUDE = 8

Scalar = str | int | float | bool | None
_TAG = "tag:yaml.org,2002:"
_TRUE = frozenset({"yes", "true", "on"})
_QUOTED = re.compile(r"""['"][^'"\s]{3,}['"]?""")


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a YAML file and its place."""

    value: Scalar | Mapping[str, Node] | tuple[Node, ...]
    spot: Spot


class _Unusable(Exception):
    """A file that cannot be read any further; the problem has been noted."""


def read_document(path: Path, problems: Problems) -> Mapping[str, Node] | None:
    """The file's sections, its included files merged in; None when it cannot be read."""
    try:
        return _sections(path, problems, (), None)
    except _Unusable:
        return None


def read_text(text: str, file: str, problems: Problems) -> Mapping[str, Node] | None:
    """The sections of a YAML text; None when it cannot be read."""
    try:
        return _Composer(file, problems).sections(text)
    except _Unusable:
        return None


def _sections(
    path: Path, problems: Problems, above: tuple[Path, ...], at: Spot | None
) -> Mapping[str, Node]:
    if at is not None and (path.resolve() in above or len(above) > DEEPEST_INCLUDE):
        problems.at("error", at, "this file includes itself")
        raise _Unusable
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        if at is None:
            problems.error((), f"cannot be read: {reason}")
        else:
            problems.at("error", at, f"{plain(path.name)} cannot be read: {reason}")
        raise _Unusable from None
    sections = _Composer(str(path), problems).sections(text)
    for node in _includes(sections, problems):
        included = path.parent / str(node.value)
        below = _sections(included, problems, (*above, path.resolve()), node.spot)
        sections = _merged(sections, below, problems)
    return sections


def _includes(sections: Mapping[str, Node], problems: Problems) -> tuple[Node, ...]:
    node = sections.get("include")
    if node is None or node.value is None:
        return ()
    found = node.value if isinstance(node.value, tuple) else (node,)
    for item in found:
        if not isinstance(item.value, str):
            problems.at("error", item.spot, "expected the name of a file")
    return tuple(item for item in found if isinstance(item.value, str))


def _merged(
    main: Mapping[str, Node], included: Mapping[str, Node], problems: Problems
) -> Mapping[str, Node]:
    merged = dict(main)
    for name, node in included.items():
        mine = merged.get(name)
        if name == "include":
            continue
        if mine is None or mine.value is None:
            merged[name] = node
        elif isinstance(mine.value, tuple) and isinstance(node.value, tuple):
            merged[name] = replace(mine, value=(*mine.value, *node.value))
        elif isinstance(mine.value, Mapping) and isinstance(node.value, Mapping):
            for key in mine.value.keys() & node.value.keys():
                _tell_replaced(mine.value[key], node.value[key], problems)
            merged[name] = replace(mine, value={**mine.value, **node.value})
        else:
            _tell_replaced(mine, node, problems)
            merged[name] = node
    return merged


def _tell_replaced(old: Node, new: Node, problems: Problems) -> None:
    place = f"{old.spot.file}:{old.spot.line}"
    problems.at("warning", new.spot, f"this included value takes the place of the one in {place}")


class _Composer:
    """Turns PyYAML's nodes of one file into ours."""

    def __init__(self, file: str, problems: Problems) -> None:
        self._file = file
        self._problems = problems
        self._count = 0
        self._open: list[yaml.Node] = []

    def sections(self, text: str) -> Mapping[str, Node]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            root = yaml.compose(text, loader)
            top = None if root is None else self._node(root, (), root)
        except yaml.YAMLError as error:
            self._fail(_line(error, text), _reason(error))
        except RecursionError:
            self._fail(1, "this nests too deep")
        if top is None or top.value is None:
            return {}
        if not isinstance(top.value, Mapping):
            self._fail(top.spot.line, "expected sections such as model_list: at the left margin")
        return top.value

    def _node(self, node: yaml.Node, trail: Trail, at: yaml.Node) -> Node:
        spot = Spot(self._file, at.start_mark.line + 1, trail)
        self._count += 1
        if self._count > MOST_VALUES or any(node is one for one in self._open):
            self._fail(spot.line, "this alias contains itself, or there are too many values")
        if isinstance(node, yaml.ScalarNode):
            return Node(self._scalar(node, spot), spot)
        self._open.append(node)
        value: Mapping[str, Node] | tuple[Node, ...]
        if isinstance(node, yaml.MappingNode):
            value = self._mapping(node, trail)
        else:
            items = enumerate(node.value)
            value = tuple(self._node(item, (*trail, index), item) for index, item in items)
        self._open.pop()
        return Node(value, spot)

    def _mapping(self, node: yaml.MappingNode, trail: Trail) -> Mapping[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._problems.at(
                    "error", Spot(self._file, line, trail), "expected a name before the colon"
                )
            elif key.tag == f"{_TAG}merge":
                merged = {**self._merge(value, trail), **merged}
            elif key.value in own:
                first = own[key.value].spot.line
                spot = Spot(self._file, line, (*trail, key.value))
                message = f"{plain(key.value)} is given twice, in line {first} and in line {line}"
                self._problems.at("error", spot, message)
            else:
                own[key.value] = self._node(value, (*trail, key.value), key)
        return {**merged, **own}

    def _merge(self, node: yaml.Node, trail: Trail) -> Mapping[str, Node]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Node] = {}
        for source in sources:
            found = self._node(source, trail, node).value
            if isinstance(found, Mapping):
                merged = {**found, **merged}
            else:
                spot = Spot(self._file, node.start_mark.line + 1, trail)
                self._problems.at("error", spot, "expected a map after <<:")
        return merged

    def _scalar(self, node: yaml.ScalarNode, spot: Spot) -> Scalar:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("int", "float"):
            return self._number(node, kind, spot)
        if kind == "bool":
            return node.value.lower() in _TRUE
        if kind == "null":
            return None
        # An unquoted date is meant as text: `api_version: 2024-10-21`.
        if kind not in ("str", "timestamp", "value"):
            self._problems.at("error", spot, "YAML tags such as !name are not understood here")
            return None
        return str(node.value)

    def _number(self, node: yaml.ScalarNode, kind: str, spot: Spot) -> Scalar:
        constructor = yaml.SafeLoader("")
        try:
            if kind == "int":
                return int(constructor.construct_yaml_int(node))
            return float(constructor.construct_yaml_float(node))
        except ValueError:
            self._problems.at("error", spot, "this is not a number")
            return None

    def _fail(self, line: int, message: str) -> NoReturn:
        self._problems.at("error", Spot(self._file, line, ()), message)
        raise _Unusable


def _line(error: yaml.YAMLError, text: str) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        return int(mark.line) + 1
    return text.count("\n", 0, int(getattr(error, "position", 0))) + 1


def _reason(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        problem = error.problem or error.context or "it cannot be understood"
        return f"this is not YAML: {_QUOTED.sub('…', problem)}"
    return "this is not YAML: it holds a character that is not allowed"
