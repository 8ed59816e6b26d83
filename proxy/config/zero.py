"""The configuration of a gateway without a file.

The rule: it is what `deploy/examples/quickstart.yaml` says, which a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.config.build import build
from proxy.config.load import served
from proxy.config.masking import Vault
from proxy.config.problems import Problems
from proxy.config.providers import Catalog
from proxy.config.references import Reading, References
from proxy.config.settings import Settings

NO_FILE = "zero configuration"
MODELS = ("demo", "mock/*")


def zero(env: Mapping[str, str], catalog: Catalog, ollama_up: bool = False) -> Settings:
    """The mock provider, and every provider that the environment has a key for. Raises
    ConfigError."""
    return served(examine_zero(env, catalog, ollama_up))


def examine_zero(env: Mapping[str, str], catalog: Catalog, ollama_up: bool = False) -> Settings:
    """The same, with errors among the problems."""
    vault = Vault()
    data = {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": f"mock/{name.removeprefix('mock/')}"}}
            for name in MODELS
        ],
        "headgate_settings": {"providers_from_environment": True},
    }
    reading = Reading(References(env, vault), Problems(NO_FILE, vault))
    return build(NO_FILE, data, catalog, ollama_up, reading)
