"""Who may know whom, among the project's own modules.

The rule: imports point downwards, and the graph of modules has no cycle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from tests.architecture.graph import Import, cycles, edges, imports, known_modules
from tests.architecture.tree import EVERYWHERE, PACKAGES, Source, check, source, sources

NOT_CORE = frozenset({"assembly", "registry", "ports"})
LOADED_ON_DEMAND = frozenset(
    {
        "uvloop",
        "redis",
        "asyncpg",
        "alembic",
        "aiocache",
        "cryptography",
        "jwt",
        "sqlalchemy.dialects.postgresql",
    }
)
# Parts of ours that not every start needs, and the one file that loads each of them.
LOADED_LATE: Mapping[str, str] = MappingProxyType(
    {
        "proxy.admin.table": "proxy/admin/late.py",
        "proxy.stores.keys.services": "proxy/runtime.py",
        "proxy.commands.check": "proxy/__main__.py",
        "proxy.commands.explain": "proxy/__main__.py",
        "proxy.commands.migrate": "proxy/__main__.py",
        "proxy.commands.providers": "proxy/__main__.py",
        "proxy.commands.serve": "proxy/__main__.py",
        "proxy.server": "proxy/__main__.py",
    }
)

MAY_IMPORT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "core": frozenset({"core"}),
        "dialects": frozenset({"core", "dialects"}),
        "routing": frozenset({"core", "routing"}),
        "providers": frozenset({"core", "providers"}),
        "pricing": frozenset({"core", "pricing"}),
        "ports": frozenset({"core", "dialects", "routing"}),
        "stages": frozenset({"core", "dialects", "routing", "ports"}),
        "assembly": frozenset(
            {"core", "dialects", "routing", "providers", "ports", "stages", "assembly"}
        ),
        "names": frozenset({"core", "dialects", "routing", "providers", "ports", "assembly"}),
    }
)
# From the bottom to the top; parts of one layer do not know each other, members of one part do.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("proxy",),
    ("clock", "config", "signing", "tuning"),
    ("telemetry",),
    ("background",),
    ("stores", "transport"),
    ("alerts", "discovery", "metering", "probes", "refresh", "rotation"),
    ("runtime reload telling",),
    ("http",),
    ("admin", "dashboard"),
    ("app",),
    ("server connection http1 framing",),
    ("commands",),
    ("__main__",),
)


def area(module: str) -> str:
    """The part of `pipelines` that a module belongs to."""
    _, *below = module.split(".")
    if not below:
        return "names"
    if len(below) > 1 or below[0] in MAY_IMPORT:
        return below[0]
    if below[0] in NOT_CORE:
        return "ports" if below[0] == "ports" else "assembly"
    return "core"


def _layer(module: str) -> tuple[int, str]:
    name = [*module.split("."), "proxy"][1]
    for height, parts in enumerate(LAYERS):
        for part in parts:
            if name in part.split():
                return height, part
    return -1, name


def in_pipelines(file: Source, known: frozenset[str]) -> Iterator[str]:
    """Every import of one module of `pipelines` that points the wrong way."""
    mine = area(file.module)
    if mine not in MAY_IMPORT:
        yield file.at(file.tree, f"no direction is written down for pipelines.{mine}")
        return
    for found in imports(file, known):
        if found.top not in PACKAGES:
            continue
        theirs = area(found.target) if found.top == "pipelines" else found.top
        if theirs not in MAY_IMPORT[mine]:
            yield file.at(found.node, f"{mine} imports {found.target}, which is {theirs}")
        elif mine == theirs == "stages" and found.target != "pipelines.stages":
            yield file.at(found.node, f"a stage imports {found.target}")


def in_proxy(file: Source, known: frozenset[str]) -> Iterator[str]:
    """Every import of one module of `proxy` that does not point downwards."""
    height, mine = _layer(file.module)
    if height < 0:
        yield file.at(file.tree, f"no layer is written down for proxy.{mine}")
    for found in imports(file, known):
        below, theirs = _layer(found.target)
        if found.top == "proxy" and theirs != mine and below >= height:
            yield file.at(found.node, f"imports {found.target}, which is not below it")


def _may_wait(found: Import, path: str) -> bool:
    if LOADED_LATE.get(found.target) == path:
        return True
    return any(f"{found.target}.".startswith(f"{one}.") for one in LOADED_ON_DEMAND)


def hidden(file: Source, known: frozenset[str]) -> Iterator[str]:
    """Every import inside a function, those of optional extras excepted."""
    for found in imports(file, known):
        if found.in_function and not _may_wait(found, file.path):
            yield file.at(found.node, f"imports {found.target} inside a function")


def _breach(path: str, text: str) -> bool:
    known = known_modules(sources(*PACKAGES))
    file = source(path, text)
    rule = in_pipelines if path.startswith("pipelines") else in_proxy
    return bool([*rule(file, known), *hidden(file, known)])


def test_imports_within_pipelines_point_downwards() -> None:
    files = sources("pipelines")
    known = known_modules(sources(*PACKAGES))
    found = [breach for file in files for breach in in_pipelines(file, known)]
    check(found, "In pipelines, imports point towards the core, and no stage knows another.")


def test_imports_within_proxy_point_downwards() -> None:
    files = sources("proxy")
    known = known_modules(sources(*PACKAGES))
    found = [breach for file in files for breach in in_proxy(file, known)]
    check(found, "In proxy, a module imports only its own part and the layers below it.")


def test_only_optional_extras_are_imported_inside_functions() -> None:
    files = sources(*EVERYWHERE)
    known = known_modules(files)
    found = [breach for file in files for breach in hidden(file, known)]
    may_wait = ", ".join(sorted({*LOADED_ON_DEMAND, *LOADED_LATE}))
    check(found, f"Imports stand at the top; only {may_wait} may wait.")


def test_no_module_imports_itself_by_a_detour() -> None:
    found = [" -> ".join(cycle) for cycle in cycles(edges(sources(*EVERYWHERE)))]
    check(found, "The graph of modules has no cycle.")


def test_a_breach_of_the_directions_is_found() -> None:
    assert _breach("pipelines/events.py", "from pipelines.ports import Clock")
    assert _breach("pipelines/events.py", "from pipelines.stages import auth")
    assert _breach("pipelines/events.py", "import proxy.app")
    assert _breach("pipelines/dialects/a.py", "from ..routing.policy import RoutePolicy")
    assert _breach("pipelines/stages/a.py", "from pipelines.stages.log import Log")
    assert _breach("pipelines/new/a.py", "")
    assert _breach("proxy/stores/a.py", "from proxy.http import reply")
    assert _breach("proxy/transport/a.py", "from proxy.app import Gateway")
    assert _breach("proxy/transport/a.py", "from proxy.stores.keys import master")
    assert _breach("proxy/new.py", "")
    assert _breach("proxy/app.py", "def f():\n    import json")


def test_a_right_direction_is_allowed() -> None:
    assert not _breach("pipelines/stages/a.py", "from pipelines.ports import Clock")
    assert not _breach("pipelines/registry.py", "from pipelines.stages.log import Log")
    assert not _breach("proxy/stores/a.py", "from pipelines.ports import KeyStore")
    assert not _breach("proxy/http1.py", "from proxy.framing import Head")
    assert not _breach("proxy/server.py", "def f():\n    import uvloop")
