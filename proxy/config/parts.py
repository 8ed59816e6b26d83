"""The sections of a configuration that hold settings, each read by itself.

The rule: who decides something is handed all of them, for several may have a say in it.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.config.schema import (
    GeneralSettings,
    HeadgateSettings,
    LitellmSettings,
    RouterSettings,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The sections that hold settings."""

    router: RouterSettings
    litellm: LitellmSettings
    general: GeneralSettings
    own: HeadgateSettings
