"""What other people wrote is known in one place each, so that it can be replaced there."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tests.architecture.graph import imports, known_modules
from tests.architecture.tree import (
    EVERYWHERE,
    PACKAGES,
    Source,
    check,
    source,
    sources,
    stands_in,
)

SERVER = ("proxy/server.py", "proxy/connection.py", "proxy/http1.py", "proxy/framing.py")
PAGES = ("proxy/app.py", "proxy/http/", "proxy/admin/", "proxy/dashboard/")
SETTINGS = ("proxy/config/", "proxy/admin/", "proxy/stores/entities/")
DATABASE = (
    "proxy/stores/opening.py",
    "proxy/stores/database/",
    "proxy/stores/entities/",
    "proxy/stores/journal/",
)

PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "aiocache": ("proxy/stores/cache/",),
        "alembic": ("proxy/stores/database/",),
        "aiohttp": ("proxy/transport/",),
        "asyncpg": ("proxy/stores/",),
        "cryptography": ("proxy/stores/entities/",),
        "httptools": SERVER,
        "jwt": ("proxy/stores/keys/",),
        "hypercorn": SERVER,
        "orjson": ("pipelines/", "proxy/"),
        "pydantic": SETTINGS,
        "pydantic_core": SETTINGS,
        "redis": ("proxy/stores/",),
        "sqlalchemy": DATABASE,
        "starlette": PAGES,
        "structlog": ("proxy/telemetry/",),
        "uvloop": ("proxy/server.py",),
        "yaml": ("proxy/config/",),
    }
)


def strangers(file: Source, known: frozenset[str]) -> Iterator[str]:
    """Every import of a third party outside its place."""
    for found in imports(file, known):
        if found.top in EVERYWHERE or found.top in sys.stdlib_module_names:
            continue
        places = PLACES.get(found.top, ())
        if not stands_in(file.path, places):
            wanted = ", ".join(places) or "nowhere: give it a place in this test"
            yield file.at(found.node, f"imports {found.target}, whose place is {wanted}")


def test_third_parties_stay_in_their_places() -> None:
    files = sources(*PACKAGES)
    known = known_modules(files)
    found = [breach for file in files for breach in strangers(file, known)]
    check(found, "A third party is imported in its own place only; pipelines knows orjson alone.")


def test_the_product_never_imports_its_tests() -> None:
    files = sources(*PACKAGES)
    known = known_modules(sources(*EVERYWHERE))
    found = [
        file.at(one.node, f"imports {one.target}")
        for file in files
        for one in imports(file, known)
        if one.top == "tests"
    ]
    check(found, "Neither pipelines nor proxy imports tests.")


def test_a_stranger_out_of_place_is_found() -> None:
    none: frozenset[str] = frozenset()
    assert list(strangers(source("pipelines/call.py", "import aiohttp"), none))
    assert list(strangers(source("proxy/app.py", "from hypercorn.config import Config"), none))
    assert list(strangers(source("proxy/transport/a.py", "import requests"), none))
    assert not list(strangers(source("proxy/transport/a.py", "import aiohttp, json"), none))
    assert not list(strangers(source("pipelines/call.py", "import orjson"), none))
