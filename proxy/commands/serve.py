"""`headgate serve`: run the gateway.

The rule: whatever is wrong is said in a sentence before the first connection is accepted.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TextIO

from pipelines.errors import ChainOrder, StoreUnavailable
from pipelines.providers.load import load_catalog
from proxy import __version__
from proxy.app import Gateway
from proxy.background import Background
from proxy.clock import SystemClock
from proxy.config.load import ConfigError, find, load
from proxy.config.settings import Settings, check_bind
from proxy.config.zero import zero
from proxy.discovery import ollama_is_up
from proxy.http.live import Live
from proxy.runtime import Runtime
from proxy.server import ServerError, ServerSettings, check_package, run, serve
from proxy.stores.opening import CannotOpen, open_stores
from proxy.telemetry.logging import configure, get_logger
from proxy.telemetry.loudness import Loudness
from proxy.tuning import settle

# Model look-ups are all that may still run, and nobody waits for them any more.
UNWIND = 0.2


class Refused(Exception):
    """The gateway cannot start; the message says why and what to do."""


def read_settings(path: str | None, env: Mapping[str, str]) -> Settings:
    """The settings of a file, of the first file that is found, or of none. Raises ConfigError."""
    catalog = load_catalog()
    found = path or find(env, ".")
    if found is None:
        return zero(env, catalog, ollama_is_up())
    return load(found, env, catalog, ollama_up=ollama_is_up())


async def start(
    settings: Settings, server: ServerSettings, out: TextIO, may_migrate: bool = True
) -> None:
    """Serve until a signal comes, then drain. Raises CannotOpen, ChainOrder and StoreUnavailable
    where it cannot begin."""
    live = Live()
    background = Background()
    stores = open_stores(settings.storage, SystemClock(), background)
    try:
        await stores.prepare(may_migrate)
        runtime = Runtime.provision(settings, background, stores)
        await runtime.begin()
    except (CannotOpen, ChainOrder, StoreUnavailable):
        await background.close(within=UNWIND)
        await stores.close()
        raise

    def ready(port: int) -> None:
        settle()
        print(banner(settings, server.host, port), file=out, flush=True)

    try:
        louder = Loudness(settings.log_level).louder
        await serve(Gateway(runtime, live), server, live, ready=ready, louder=louder)
    finally:
        await background.close(within=UNWIND)
        await runtime.close()


def serve_command(
    path: str | None,
    address: ServerSettings,
    env: Mapping[str, str],
    may_migrate: bool = True,
    out: TextIO = sys.stdout,
) -> int:
    """Run the gateway until it is told to stop; 1 where it cannot start. Of `address`, host and
    port are used."""
    try:
        check_package()
        settings = read_settings(path, env)
        bind = check_bind(settings, address.host)
        if bind is not None and bind.level == "error":
            raise Refused(bind.message)
        configure(settings.log_level, settings.log_format)
        for problem in (*settings.problems, *([bind] if bind is not None else [])):
            if problem.level == "warning":
                get_logger("config").warning(problem.message, where=str(problem.where))
        server = replace(
            address,
            drain_timeout=settings.drain_timeout,
            keep_alive=settings.keep_alive,
        )
        run(lambda: start(settings, server, out, may_migrate))
    except (ConfigError, ServerError, ChainOrder, CannotOpen, StoreUnavailable, Refused) as error:
        print(f"headgate cannot start: {error}", file=sys.stderr)
        return 1
    return 0


def banner(settings: Settings, host: str, port: int) -> str:
    """What a person sees when the gateway is up: the address, the models, and how to use them."""
    shown = f"[{host}]" if ":" in host else host
    if host in ("0.0.0.0", "::"):
        shown = "127.0.0.1"
    address = f"http://{shown}:{port}"
    names = [*settings.routes.names, *settings.routes.wildcards]
    model = settings.routes.names[0] if settings.routes.names else "MODEL"
    listed = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
    header = ' -H "Authorization: Bearer $HEADGATE_MASTER_KEY"' if settings.master_key else ""
    key = "your master key" if settings.master_key else "any key"
    body = f'{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"Hello!"}}]}}'
    return f"""
  Headgate {__version__} is listening on {address}   ({settings.source})

  Models:     {listed}
  Try it:     curl -N {address}/v1/chat/completions{header} \\
                -H "Content-Type: application/json" \\
                -d '{body}'
  OpenWebUI:  Settings > Connections > OpenAI API: URL {address}/v1, with {key}
"""
