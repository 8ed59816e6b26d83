"""The command line: `headgate` and `python -m proxy` are the same.

The rule: thin; every command is a function in `proxy/commands/` that returns an exit code, and
only the one that was asked for is loaded.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from proxy import __version__
from proxy.config.environment import system
from proxy.tuning import loading


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    root = argparse.ArgumentParser(
        prog="headgate", description="A self-hosted gateway for language models."
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="run the gateway")
    serve.add_argument("--config", metavar="FILE", help="a litellm.yaml or headgate.yaml")
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=int, default=4000, help="port to listen on (%(default)s)")
    serve.add_argument(
        "--no-migrate", action="store_true", help="leave the database's tables as they are"
    )
    migrated = commands.add_parser("migrate", help="bring the database's tables to this version")
    migrated.add_argument("--config", metavar="FILE", help="a litellm.yaml or headgate.yaml")
    checked = commands.add_parser("check", help="say what a configuration means, and what is wrong")
    checked.add_argument("--config", metavar="FILE", help="a litellm.yaml or headgate.yaml")
    listed = commands.add_parser("providers", help="list the providers that can be named")
    listed.add_argument("--json", action="store_true", help="with all fields, as JSON")
    told = commands.add_parser("explain", help="ask a running gateway where a call would go")
    told.add_argument("--model", required=True, metavar="M", help="the model that is asked for")
    told.add_argument("--key", metavar="K", help="a key or its digest; the call would be with it")
    told.add_argument("--json", action="store_true", help="the whole answer, as JSON")
    told.add_argument("--config", metavar="FILE", help="where the master key is looked up")
    told.add_argument(
        "--url", default="http://127.0.0.1:4000", help="address of the gateway (%(default)s)"
    )
    commands.add_parser("version", help="print the version")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = parser().parse_args(arguments)
    if options.command == "version":
        print(f"headgate {__version__}")
        return 0
    with loading():
        return _COMMANDS[options.command](options, system())


def _serve(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    from proxy.commands.serve import serve_command
    from proxy.server import ServerSettings

    server = ServerSettings(host=options.host, port=options.port)
    return serve_command(options.config, server, env, may_migrate=not options.no_migrate)


def _migrate(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    from proxy.commands.migrate import migrate_command

    return migrate_command(options.config, env, sys.stdout)


def _check(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    from proxy.commands.check import check

    return _printed(lambda: check(options.config, env, sys.stdout))


def _providers(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    from proxy.commands.providers import providers

    return _printed(lambda: providers(options.json, sys.stdout))


def _explain(options: argparse.Namespace, env: Mapping[str, str]) -> int:
    from proxy.commands.explain import Question, explain

    question = Question(options.model, options.key, options.url, options.config)
    return _printed(lambda: explain(question, env, options.json, sys.stdout))


def _printed(command: Callable[[], int]) -> int:
    try:
        return command()
    except BrokenPipeError:
        # Whoever read (`| head`) has seen enough; the interpreter must not try to write again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


_COMMANDS: Mapping[str, Callable[[argparse.Namespace, Mapping[str, str]], int]] = MappingProxyType(
    {
        "serve": _serve,
        "migrate": _migrate,
        "check": _check,
        "providers": _providers,
        "explain": _explain,
    }
)


if __name__ == "__main__":
    sys.exit(main())
