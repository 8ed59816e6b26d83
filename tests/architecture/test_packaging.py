"""What is installed is what stands here: every module, every data file, every dependency."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from types import MappingProxyType

from tests.architecture.graph import imports
from tests.architecture.tree import EVERYWHERE, PACKAGES, ROOT, check, sources

# Where a distribution is not called as it is imported.
DISTRIBUTIONS: Mapping[str, str] = MappingProxyType(
    {
        "google": "google_genai",
        "jwt": "pyjwt",
        "opentelemetry": "opentelemetry_proto",
        "pydantic_core": "pydantic",
        "yaml": "pyyaml",
    }
)


@cache
def _setup() -> ConfigParser:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", "utf-8")
    return parser


def _required(section: str, option: str) -> set[str]:
    lines = _setup()[section][option].split("\n")
    return {re.split(r"[^\w-]", line.strip())[0].lower().replace("-", "_") for line in lines}


def _imported(*folders: str) -> dict[str, str]:
    none: frozenset[str] = frozenset()
    found = {
        one.top: file.at(one.node, f"imports {one.top}")
        for file in sources(*folders)
        for one in imports(file, none)
    }
    ours = {*EVERYWHERE, *sys.stdlib_module_names}
    return {DISTRIBUTIONS.get(top, top): where for top, where in found.items() if top not in ours}


def _data_files() -> list[Path]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*")]
    return [
        path
        for path in paths
        if path.is_file() and path.suffix not in (".py", ".pyc", ".md") and path.name[0] != "."
    ]


def _is_shipped(path: Path) -> bool:
    for package, patterns in _setup()["options.package_data"].items():
        folder = ROOT.joinpath(*package.split("."))
        if path.is_relative_to(folder):
            inside = path.relative_to(folder).as_posix()
            if any(fnmatch(inside, pattern) for pattern in re.split(r"[,\s]+", patterns.strip())):
                return True
    return False


def test_every_folder_of_code_is_a_package() -> None:
    folders = {(ROOT / file.path).parent for file in sources(*PACKAGES)}
    found = [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()]
    check(found, "A folder without __init__.py is left out of the installed package.")


def test_every_data_file_is_shipped() -> None:
    found = [str(path.relative_to(ROOT)) for path in _data_files() if not _is_shipped(path)]
    check(found, "A data file stands in setup.cfg under options.package_data.")


def test_what_the_product_imports_is_declared() -> None:
    declared = _required("options", "install_requires")
    # Loaded on demand, which test_imports and test_laziness see to.
    declared |= _required("options.extras_require", "redis")
    found = [where for top, where in _imported(*PACKAGES).items() if top not in declared]
    check(found, "What pipelines or proxy import stands in setup.cfg under install_requires.")


def test_what_the_tests_import_is_declared() -> None:
    declared = _required("options", "install_requires")
    declared |= _required("options.extras_require", "test")
    found = [where for top, where in _imported("tests").items() if top not in declared]
    check(found, "What the tests import stands in setup.cfg under the extra `test`.")


def test_the_console_script_names_a_function_that_is_there() -> None:
    script = _setup()["options.entry_points"]["console_scripts"].strip()
    module, function = script.removeprefix("headgate = ").split(":")
    [main] = [file for file in sources("proxy") if file.module == module]
    assert f"def {function}(" in main.text
