"""`headgate migrate`: bring the database's tables to this version.

The rule: it says where the tables stood and where they stand now; running it again changes nothing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import TextIO

from proxy.commands.serve import read_settings
from proxy.config.load import ConfigError
from proxy.config.settings import Settings
from proxy.stores.database.engine import BadDatabaseUrl, open_engine
from proxy.stores.database.migrate import Schema
from proxy.stores.opening import CannotOpen, database_address, migrated


def migrate_command(path: str | None, env: Mapping[str, str], out: TextIO) -> int:
    """Migrate; 1 where that cannot be done."""
    try:
        settings = read_settings(path, env)
        before = asyncio.run(_migrate(settings))
    except (ConfigError, BadDatabaseUrl, CannotOpen, OSError) as error:
        return _failed(str(error))
    if before.current == before.wanted:
        print(f"The tables are of version {before.wanted} already.", file=out)
    else:
        print(f"The tables were of version {before.current} and are of {before.wanted}.", file=out)
    return 0


def _failed(why: str) -> int:
    print(f"headgate cannot migrate: {why}", file=sys.stderr)
    return 1


async def _migrate(settings: Settings) -> Schema:
    engine = open_engine(database_address(settings.storage))
    try:
        return await migrated(engine)
    finally:
        await engine.dispose()
