"""The graph sees the cycles that Python would stumble over, and no others."""

from __future__ import annotations

from tests.architecture.graph import cycles, edges
from tests.architecture.tree import source


def _cycles(**texts: str) -> list[list[str]]:
    files = [
        source(name.replace("__", "/").replace("/init", "/__init__") + ".py", text)
        for name, text in texts.items()
    ]
    return cycles(edges(files))


def test_two_modules_that_import_each_other_are_a_cycle() -> None:
    assert _cycles(a="import b", b="from a import x") == [["a", "b"]]


def test_a_long_detour_is_one_cycle() -> None:
    assert _cycles(a="import b", b="import c", c="import a", d="import a") == [["a", "b", "c"]]


def test_a_package_that_exports_its_modules_is_no_cycle() -> None:
    assert not _cycles(p__init="from p.a import A", p__a="from p.b import B", p__b="")


def test_a_module_that_asks_its_own_package_for_a_name_is_a_cycle() -> None:
    found = _cycles(p__init="from p.a import A", p__a="from p import B")
    assert found == [["p", "p.a"]]


def test_a_package_between_is_imported_too() -> None:
    found = _cycles(a="import p.b", p__init="import a", p__b="")
    assert found == [["a", "p"]]


def test_a_relative_import_counts() -> None:
    found = _cycles(p__init="", p__a="from .b import x", p__b="from . import a")
    assert found == [["p.a", "p.b"]]
