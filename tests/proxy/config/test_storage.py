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


def test_redis_is_found_as_litellms_users_write_it() -> None:
    parts = "router_settings: {redis_host: r, redis_port: 7000, redis_password: marked-0123456}"
    settings = loaded(parts)
    assert settings.storage.redis == "redis://:marked-0123456@r:7000/0"
    assert "marked" not in repr(settings)
    assert loaded(env={"REDIS_URL": "redis://x/1"}).storage.redis == "redis://x/1"
    assert loaded("headgate_settings: {redis_url: 'rediss://y'}").storage.redis == "rediss://y"
