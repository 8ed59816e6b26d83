"""`headgate explain`: where a call would go, asked of the gateway that runs.

The rule: only the gateway knows what its deployments do now, so it is asked over its own admin API;
no provider is called, and a key is sent nowhere but to the address that was given.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

import orjson

from pipelines.providers.load import load_catalog
from proxy.commands.columns import column_widths, row_lines
from proxy.config.load import examine, find
from proxy.config.settings import Settings
from proxy.config.zero import examine_zero

PATH = "/route/explain"
SECONDS = 30.0
WIDTH = 100
NONE = "-"
MILLION = 1_000_000
TITLES = ("DEPLOYMENT", "MODEL", "ORDER", "SHARE", "USD PER MILLION", "IN USE", "STATE")


class NoAnswer(Exception):
    """The gateway did not answer the question; the message says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which model is asked for, by which key (None: the operator's own), at which address, and in
    which file the master key is looked up (None: where `headgate serve` looks)."""

    model: str
    key: str | None
    url: str
    config: str | None = None


def explain(question: Question, env: Mapping[str, str], as_json: bool, out: TextIO) -> int:
    """Print where the call would go; 1 where the gateway does not say it."""
    try:
        found = _asked(question, _settings(question.config, env).master_key)
    except NoAnswer as error:
        print(f"headgate cannot explain: {error}", file=sys.stderr)
        return 1
    if as_json:
        options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        out.write(orjson.dumps(found, option=options).decode())
    else:
        out.writelines(f"{line.rstrip()}\n" for line in _report(found))
    return 0


def _settings(path: str | None, env: Mapping[str, str]) -> Settings:
    file = Path(path) if path is not None else find(env, Path.cwd())
    catalog = load_catalog()
    return examine_zero(env, catalog) if file is None else examine(file, env, catalog)


def _asked(question: Question, master_key: str | None) -> dict[str, Any]:
    """The gateway's answer. Raises NoAnswer."""
    body: dict[str, Any] = {"model": question.model}
    # Whoever has no master key here asks for himself.
    caller = master_key or question.key or ""
    if master_key and question.key:
        body["key"] = question.key
    address = urlsplit(question.url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise NoAnswer(f"{question.url!r} is no address; give one such as http://127.0.0.1:4000")
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {caller}"}
    try:
        connection = kind(address.hostname, address.port, timeout=SECONDS)
        with closing(connection):
            path = address.path.rstrip("/") + PATH
            connection.request("POST", path, orjson.dumps(body), headers)
            reply = connection.getresponse()
            status, raw = reply.status, reply.read()
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswer(f"no gateway answers at {question.url}: {error}") from None
    return _read(status, raw)


def _read(status: int, raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        found = None
    if status == 200 and isinstance(found, dict) and "groups" in found:
        return found
    error = found.get("error") if isinstance(found, dict) else None
    words = error.get("message") if isinstance(error, dict) else None
    raise NoAnswer(str(words or f"the answer is no gateway's (status {status})"))


def _report(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['model']}, asked for by {found['caller']}"
    if found["refused"]:
        yield f"Refused: {found['refused']}"
    yield (
        f"{found['strategy']}; {found['num_retries']} retries and {found['timeout']:g} seconds at"
        " the most"
    )
    for group in found["groups"]:
        yield ""
        yield _head(group)
        if group["deployments"]:
            cells = [_cells(one) for one in group["deployments"]]
            widths = column_widths((TITLES, *cells), WIDTH)
            for row in (TITLES, *cells):
                yield from row_lines(row, widths)
    cache = found["cache"]
    yield ""
    yield f"Cache: {'on, shared by ' + cache['scope'] if cache['enabled'] else 'off'}"


def _head(group: Mapping[str, Any]) -> str:
    alias = "" if group["group"] == group["name"] else f" ({group['group']})"
    over = f": {group['passed_over']}" if group["passed_over"] else ""
    return f"{group['role'].replace('_', ' ')}: {group['name']}{alias}{over}"


def _cells(one: Mapping[str, Any]) -> tuple[str, ...]:
    prices = (one["input_cost_per_token"], one["output_cost_per_token"])
    return (
        one["id"],
        f"{one['provider']}/{one['model']}",
        str(one["order"]),
        f"{one['share']:.0%}",
        " / ".join(NONE if price is None else f"{price * MILLION:.6g}" for price in prices),
        _used(one),
        one["removed"] or "may be asked",
    )


def _used(one: Mapping[str, Any]) -> str:
    pairs = (
        ("rpm", one["used_rpm"], one["rpm"]),
        ("tpm", one["used_tpm"], one["tpm"]),
        ("at once", one["in_flight"], one["max_parallel_requests"]),
    )
    words = [
        f"{used}{'' if limit is None else f'/{limit}'} {name}"
        for name, used, limit in pairs
        if used or limit is not None
    ]
    return ", ".join(words) or NONE
