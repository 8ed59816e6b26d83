"""Where the gateway keeps what outlives it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from proxy.config.settings import Settings
from proxy.config.storage import default_folder
from tests.proxy.config.builders import examined

MODELS = "model_list: [{model_name: m, litellm_params: {model: mock/m}}]\n"


def loaded(text: str = "", env: Mapping[str, str] | None = None) -> Settings:
    return examined(MODELS + text, env or {})


def test_a_database_in_the_file_wins_over_one_in_the_environment() -> None:
    env = {"DATABASE_URL": "postgresql://u@env/d"}
    assert loaded(env=env).storage.database == "postgresql://u@env/d"
    file = "general_settings: {database_url: 'postgresql://u@file/d'}"
    assert loaded(file, env).storage.database == "postgresql://u@file/d"
    assert loaded().storage.database is None


def test_a_database_by_reference_is_resolved_and_its_password_is_hidden() -> None:
    file = "general_settings: {database_url: os.environ/DB}"
    settings = loaded(file, {"DB": "postgresql://u:marked-password@h/d"})
    assert settings.storage.database == "postgresql://u:marked-password@h/d"
    assert "marked" not in repr(settings.storage)
    assert "marked-password" not in settings.secrets.scrub("it is marked-password, see")


@pytest.mark.parametrize(
    ("env", "folder"),
    [
        ({"HOME": "/home/u"}, "/home/u/.local/share/headgate"),
        ({"HOME": "/home/u", "XDG_DATA_HOME": "/data"}, "/data/headgate"),
        ({"HOME": "/home/u", "XDG_DATA_HOME": "relative"}, "/home/u/.local/share/headgate"),
        ({}, ".local/share/headgate"),
    ],
)
def test_files_lie_in_the_users_folder_for_data(env: dict[str, str], folder: str) -> None:
    assert default_folder(env) == Path(folder)


def test_our_own_key_names_another_folder() -> None:
    assert loaded(env={"HEADGATE_DATA_DIR": "/srv/h"}).storage.folder == Path("/srv/h")
    file = "headgate_settings: {data_dir: /srv/f}"
    assert loaded(file, {"HEADGATE_DATA_DIR": "/srv/h"}).storage.folder == Path("/srv/f")


def test_records_may_take_so_much_of_the_disk() -> None:
    usual = loaded().storage
    assert (usual.spool_bytes, usual.on_journal_full) == (2048 * 2**20, "drop_bodies")
    own = loaded("headgate_settings: {spool_max_mb: 100, on_journal_full: refuse}").storage
    assert (own.spool_bytes, own.on_journal_full) == (100 * 2**20, "refuse")


def test_records_are_kept_as_long_as_litellms_keys_say() -> None:
    usual = loaded().storage
    assert (usual.kept_for, usual.clean_every) == (None, 86_400.0)
    kept = "maximum_spend_logs_retention_period: 7d, maximum_spend_logs_retention_interval: 12h"
    own = loaded(f"general_settings: {{{kept}}}").storage
    assert (own.kept_for, own.clean_every) == (7 * 86_400.0, 12 * 3_600.0)


@pytest.mark.parametrize("value", ["soon", "0", "-1", "true", "[]"])
def test_a_time_that_is_none_is_refused(value: str) -> None:
    settings = loaded(f"general_settings: {{maximum_spend_logs_retention_period: {value}}}")
    assert "expected a duration such as 7d or 12h" in str(settings.problems[0])


def test_redis_is_found_as_litellms_users_write_it() -> None:
    parts = "router_settings: {redis_host: r, redis_port: 7000, redis_password: marked-0123456}"
    settings = loaded(parts)
    assert settings.storage.redis == "redis://:marked-0123456@r:7000/0"
    assert "marked" not in repr(settings)
    assert loaded(env={"REDIS_URL": "redis://x/1"}).storage.redis == "redis://x/1"
    assert loaded("headgate_settings: {redis_url: 'rediss://y'}").storage.redis == "rediss://y"
