"""Decides where the gateway keeps what outlives it.

The rule: a database that is named is used; else files in one folder, which our own key or variable
names, or the user's folder for such data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from proxy.config.environment import first_set
from proxy.config.parts import Parts
from proxy.config.references import Reading

DATABASE_URLS = ("HEADGATE_DATABASE_URL", "DATABASE_URL")
DATA_FOLDERS = ("HEADGATE_DATA_DIR",)
REDIS_URLS = ("HEADGATE_REDIS_URL", "REDIS_URL")
MB = 1024 * 1024
SPOOL_MB = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """The database's address (None: files), the folder for files, whether other processes of this
    machine use it too, and Redis' address, if any; how many bytes of records may wait for the
    database, what becomes of those beyond, how many seconds they are kept (None: for ever), and how
    often it is looked for older ones."""

    database: str | None = field(default=None, repr=False)
    folder: Path = field(default_factory=Path)
    shared: bool = False
    redis: str | None = field(default=None, repr=False)
    spool_bytes: int = SPOOL_MB * MB
    on_journal_full: Literal["refuse", "drop_bodies", "drop"] = "drop_bodies"
    kept_for: float | None = None
    clean_every: float = 86_400.0


def storage(parts: Parts, reading: Reading) -> StorageSettings:
    """Where things are kept; what could be a password is kept out of every text."""
    general, own, router = parts.general, parts.own, parts.router
    database = general.database_url or _from(reading.env, DATABASE_URLS)
    redis = own.redis_url or router.redis_url or _redis(parts) or _from(reading.env, REDIS_URLS)
    for url in (database, redis):
        if url is not None and "@" in url:
            reading.references.vault.keep(url)
            reading.references.vault.keep(url.rpartition("@")[0].rpartition(":")[2])
    named = own.data_dir or _from(reading.env, DATA_FOLDERS)
    return StorageSettings(
        database=database,
        folder=Path(named).expanduser() if named else default_folder(reading.env),
        shared=bool(own.shared_data),
        redis=redis,
        spool_bytes=(own.spool_max_mb or SPOOL_MB) * MB,
        on_journal_full=own.on_journal_full or "drop_bodies",
        kept_for=general.maximum_spend_logs_retention_period,
        clean_every=general.maximum_spend_logs_retention_interval or 86_400.0,
    )


def default_folder(env: Mapping[str, str]) -> Path:
    """The user's folder for data of programs.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    base = env.get("XDG_DATA_HOME", "")
    # An empty or relative one is to be ignored.
    if base.startswith("/"):
        return Path(base) / "headgate"
    return Path(env.get("HOME") or ".") / ".local" / "share" / "headgate"


def _redis(parts: Parts) -> str | None:
    router = parts.router
    if router.redis_host is None:
        return None
    scheme = "rediss" if router.redis_ssl else "redis"
    user = router.redis_username or ""
    password = f":{router.redis_password}" if router.redis_password else ""
    at = "@" if user or password else ""
    return (
        f"{scheme}://{user}{password}{at}{router.redis_host}:{router.redis_port or 6379}"
        f"/{router.redis_db or 0}"
    )


def _from(env: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    found = first_set(env, names)
    return found[1] if found else None
