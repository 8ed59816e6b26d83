"""Who is handed new secrets."""

from __future__ import annotations

import pytest

from proxy.config.rotation import RotationSettings
from tests.proxy.config.builders import said, with_sections

SECRET = "0123456789abcdef"


def section(url: str = "https://hook.example/keys", secret: str = SECRET, more: str = "") -> str:
    hook = f"{{url: '{url}', secret: '{secret}'{more}}}"
    return f"headgate_settings:\n  rotation_webhook: {hook}\n"


def test_nobody_is_handed_anything_unless_a_webhook_is_named() -> None:
    assert with_sections("").rotation is None


def test_a_webhook_has_an_address_a_secret_and_a_grace_of_a_day() -> None:
    settings = with_sections(section())
    assert settings.rotation == RotationSettings("https://hook.example/keys", SECRET, "1d")
    assert SECRET not in repr(settings)
    assert settings.secrets.scrub(SECRET) != SECRET
    assert settings.problems == ()


def test_the_grace_can_be_set_and_what_is_unknown_is_told() -> None:
    settings = with_sections(section(more=", grace_period: 2h, urll: x"))
    assert settings.rotation is not None
    assert settings.rotation.grace == "2h"
    assert "rotation_webhook.urll" in said(settings, "warning")


def test_the_secret_can_come_from_the_environment() -> None:
    settings = with_sections(section(secret="os.environ/HOOK"), {"HOOK": SECRET})
    assert settings.rotation is not None
    assert settings.rotation.secret == SECRET


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (section(url="ftp://hook.example"), "url"),
        (section(url="https://"), "url"),
        (section(url="hook.example"), "url"),
        (section(secret="short"), "secret"),
        (section(more=", grace_period: soon"), "grace_period"),
    ],
)
def test_what_cannot_be_used_is_an_error(text: str, where: str) -> None:
    settings = with_sections(text)
    assert f"headgate_settings.rotation_webhook.{where}" in said(settings, "error")


def test_an_address_without_encryption_is_warned_about_except_on_this_machine() -> None:
    assert "https" in said(with_sections(section(url="http://hook.example")), "warning")
    assert said(with_sections(section(url="http://127.0.0.1:9/x")), "warning") == ""
