"""`headgate check`: what the gateway would do with a configuration.

The rule: nothing is called and nothing is changed; the text fits in 100 columns, and no secret
stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import wrap
from time import time
from typing import TextIO

from pipelines.deployment import Deployment
from pipelines.errors import ChainOrder
from pipelines.providers.load import load_catalog
from pipelines.registry import stage_factory
from proxy.background import Background
from proxy.commands.columns import column_widths, row_lines
from proxy.config.load import examine, find
from proxy.config.masking import mask
from proxy.config.problems import NOT_ACTIVE, Problem
from proxy.config.settings import Settings
from proxy.config.zero import examine_zero
from proxy.runtime import Runtime
from proxy.stores.opening import CannotOpen

WIDTH = 100
MARGIN = "  "
NO_BREAK = "\u00a0"
TITLES = ("NAME", "PROVIDER", "MODEL", "ADDRESS")
PICO_PER_MILLIONTH = 1_000_000


def check(path: str | None, env: Mapping[str, str], out: TextIO) -> int:
    """Print what a configuration comes to and what is wrong with it; 1 if it cannot be served."""
    file = Path(path) if path is not None else find(env, Path.cwd())
    catalog = load_catalog()
    settings = examine_zero(env, catalog) if file is None else examine(_shown(file), env, catalog)
    found = (*settings.problems, *_wrong_stages(settings), *_unpriced(settings))
    settings = replace(settings, problems=found)
    scrub = settings.secrets.scrub
    out.writelines(f"{scrub(line).rstrip()}\n" for line in _report(settings))
    return 1 if _count(settings, "error") else 0


def _shown(file: Path) -> Path:
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _wrong_stages(settings: Settings) -> Iterator[Problem]:
    wrong: list[str] = []
    for spec in settings.stages:
        try:
            stage_factory(spec.name)
        except ChainOrder as error:
            wrong.append(str(error))
    if not wrong:
        try:
            Runtime.provision(settings, Background())
        except ChainOrder as error:
            wrong.append(str(error))
        except CannotOpen as error:
            where = "litellm_settings.cache_params"
            yield Problem("error", where, None, settings.source, str(error))
    for words in wrong:
        yield Problem("error", "headgate_settings.stages", None, settings.source, words)


def _unpriced(settings: Settings) -> Iterator[Problem]:
    # A wildcard's models are known only when they are asked for.
    groups = dict.fromkeys(
        one.group
        for one in settings.routes.deployments
        if one.tariff is None and "*" not in one.model
    )
    if groups and settings.budgets.spends:
        words = f"no price is known for {', '.join(groups)}, so the budgets do not count what it"
        words += " costs; set input_cost_per_token and output_cost_per_token"
        yield Problem("warning", "model_list", None, settings.source, words)


def _report(settings: Settings) -> Iterator[str]:
    yield _headline(settings)
    yield from _section("Models", _models(settings))
    yield from _section("Aliases", _aliases(settings))
    yield from _section("Fallbacks", _fallbacks(settings))
    yield from _section("Stages", _wrapped(" → ".join(stage.name for stage in settings.stages)))
    yield from _section("Gateway", _joined(_gateway(settings)))
    yield from _section("Not active yet", _later(settings.problems))
    notes = [p for p in settings.problems if p.level == "note" and not _is_later(p)]
    yield from _section("Notes", _told(notes))
    for title, level in (("Warnings", "warning"), ("Errors", "error")):
        yield from _section(title, _told([p for p in settings.problems if p.level == level]))
    yield ""
    errors = _count(settings, "error")
    yield "This configuration cannot be served." if errors else "This configuration can be served."


def _headline(settings: Settings) -> str:
    deployments = settings.routes.deployments
    names = len({deployment.group for deployment in deployments})
    counts = (
        _counted(len(deployments), "deployment"),
        f"{_counted(names, 'name')}, {_counted(_count(settings, 'error'), 'error')}",
        _counted(_count(settings, "warning"), "warning"),
    )
    return f"{settings.source}: {counts[0]} under {counts[1]}, {counts[2]}"


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    body = list(lines)
    if body:
        yield ""
        yield title
        yield from (f"{MARGIN}{line}" for line in body)


def _models(settings: Settings) -> Iterator[str]:
    deployments = settings.routes.deployments
    rows = [(one.group, one.provider.name, one.model, one.base_url) for one in deployments]
    if not rows:
        return
    widths = column_widths((TITLES, *rows), WIDTH - len(MARGIN))
    yield from row_lines(TITLES, widths)
    for deployment, row in zip(deployments, rows, strict=True):
        yield from row_lines(row, widths)
        yield from _joined(_details(deployment, settings), MARGIN)


def _details(deployment: Deployment, settings: Settings) -> Iterator[str]:
    yield f"key {settings.key_hints.get(deployment.id, 'none')}"
    if deployment.api_version:
        yield f"version {deployment.api_version}"
    if deployment.order:
        yield f"order {deployment.order}"
    for name in ("weight", "rpm", "tpm", "max_retries"):
        value = getattr(deployment, name)
        if value is not None:
            yield f"{name} {_number(value)}"
    if deployment.timeout is not None:
        yield f"timeout {_number(deployment.timeout)} s"
    if deployment.stream_timeout is not None:
        yield f"first byte {_number(deployment.stream_timeout)} s"
    tariff = deployment.tariff
    if tariff is not None:
        now = tariff.at(time())
        prices = (now.prompt, now.completion)
        shown = " in and ".join(f"${price / PICO_PER_MILLIONTH:g}" for price in prices)
        yield f"{shown} out per million tokens"
    if deployment.headers:
        yield f"headers {' '.join(deployment.headers)}"
    if deployment.defaults:
        yield f"defaults {' '.join(deployment.defaults)}"


def _aliases(settings: Settings) -> Iterator[str]:
    listed = settings.routes.names
    for alias, group in settings.aliases.items():
        yield from _wrapped(f"{alias} → {group}{'' if alias in listed else ' (hidden)'}")


def _fallbacks(settings: Settings) -> Iterator[str]:
    fallbacks = settings.routes.fallbacks
    for group, targets in fallbacks.groups.items():
        name = "all others (*)" if group == "*" else group
        yield from _wrapped(f"{name} → {', '.join(targets)}")
    if fallbacks.default:
        yield from _wrapped(f"default → {', '.join(fallbacks.default)}")


def _gateway(settings: Settings) -> Iterator[str]:
    policy, key = settings.policy, settings.master_key
    yield "no master key: open on this machine only" if key is None else f"master key {mask(key)}"
    yield f"retries {policy.num_retries}"
    yield f"timeout {_number(policy.whole)} s"
    yield f"first byte {_number(policy.first_byte)} s"
    yield f"idle {_number(policy.idle)} s"
    yield f"connect {_number(settings.connect_timeout)} s"
    yield f"keep-alive {_number(settings.keep_alive)} s"
    yield f"drain {_number(settings.drain_timeout)} s"
    yield f"largest body {settings.max_body_bytes} bytes"
    if settings.shared_redis is not None:
        yield "rests and usage shared through Redis"
    elif settings.storage.shared:
        yield "rests and usage are each process' own (no Redis)"
    yield f"log {settings.log_level} {settings.log_format}"


def _later(problems: Sequence[Problem]) -> Iterator[str]:
    places: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        if _is_later(problem):
            key = re.sub(r"\[\d+\]", "[]", problem.where)
            places.setdefault((key, problem.message.removeprefix(NOT_ACTIVE)), []).append(problem)
    for (key, more), found in places.items():
        place = found[0].file if found[0].line is None else f"{found[0].file}:{found[0].line}"
        others = f" and {_counted(len(found) - 1, 'other')}" if len(found) > 1 else ""
        yield from _wrapped(f"{key}{more} ({place}{others})")


def _told(problems: Sequence[Problem]) -> Iterator[str]:
    # Not wrapped: editors and CI jump to `file:line:`.
    return map(str, problems)


def _is_later(problem: Problem) -> bool:
    return problem.level == "note" and problem.message.startswith(NOT_ACTIVE)


def _joined(parts: Iterable[str], indent: str = "") -> Iterator[str]:
    # A line is broken between the parts and never within one.
    text = ", ".join(part.replace(" ", NO_BREAK) for part in parts)
    return (line.replace(NO_BREAK, " ") for line in _wrapped(text, indent))


def _wrapped(text: str, indent: str = "") -> list[str]:
    return wrap(
        text,
        WIDTH - len(MARGIN),
        initial_indent=indent,
        subsequent_indent=f"{indent}{MARGIN}",
        break_on_hyphens=False,
    )


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _count(settings: Settings, level: str) -> int:
    return sum(problem.level == level for problem in settings.problems)
