"""The configuration as the running gateway needs it.

The rule: everything is resolved and nothing changes any more; a new configuration is a new
Settings. Secrets are in fields that no repr shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Literal

from pipelines.assembly import StageSpec
from pipelines.budgets import BudgetPolicy
from pipelines.pricing.load import load_prices
from pipelines.pricing.table import PriceBook
from pipelines.privacy import TextPolicy
from pipelines.registry import DEFAULT_STAGES
from pipelines.routing.choosing import Choosing
from pipelines.routing.policy import Cooldowns, RoutePolicy
from pipelines.routing.routes import Routes
from proxy.config.alerting import AlertSettings
from proxy.config.caching import CacheSettings
from proxy.config.callbacks import CallbackSettings
from proxy.config.facts import Usual
from proxy.config.identity import IdentitySettings
from proxy.config.masking import Vault
from proxy.config.metering import MetricSettings
from proxy.config.new_keys import NewKeySettings
from proxy.config.probing import ProbeSettings
from proxy.config.problems import Problem
from proxy.config.redis import RedisPlace
from proxy.config.rotation import RotationSettings
from proxy.config.storage import StorageSettings

MAX_BODY_BYTES = 33_554_432
SHORTEST_MASTER_KEY = 16
KNOWN_MASTER_KEYS = frozenset(
    {
        "sk-1234",
        "sk-1234567890abcdef",
        "sk-12345678901234567890",
        "sk-your-master-key",
        "sk-your-master-key-here",
        "sk-litellm-master-key",
        "sk-litellm-master-key-1234",
        "sk-my-secret-master-key",
        "your-secret-master-key",
        "litellm-master-key",
        "changeme-changeme",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the operator decides; times in seconds, `source` is the file's name.

    `environment` holds the process environment with `environment_variables` laid over it,
    `aliases` all other names of groups, `key_hints` the masked key of each deployment by its id,
    and `secrets` scrubs a text of all secrets that the configuration holds. The waits for a
    provider's first byte, for a whole reply and within a stream are in `policy`, and how one
    deployment of several is chosen in `choosing`. `drop_params`, `enforces_rates` and what is
    `usual` hold for models that are added at run time as for the file's.
    """

    source: str
    routes: Routes
    policy: RoutePolicy = field(default_factory=RoutePolicy)
    cooldowns: Cooldowns = field(default_factory=Cooldowns)
    choosing: Choosing = field(default_factory=Choosing)
    usual: Usual = field(default_factory=Usual)
    stages: tuple[StageSpec, ...] = field(
        default=tuple(StageSpec(name) for name in DEFAULT_STAGES), repr=False
    )
    master_key: str | None = field(default=None, repr=False)
    permit_weak_key: bool = False
    key_header: str | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    connect_timeout: float = 10.0
    keep_alive: float = 75.0
    ping_interval: float = 15.0
    drain_timeout: float = 120.0
    ssl_verify: bool | str = True
    log_format: Literal["auto", "json", "pretty"] = "auto"
    log_level: str = "info"
    discover_models: bool = True
    drop_params: bool = False
    enforces_rates: bool = False
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    aliases: Mapping[str, str] = field(default_factory=dict, repr=False)
    key_hints: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: Vault = field(default_factory=Vault, repr=False, compare=False)
    problems: tuple[Problem, ...] = ()
    identity: IdentitySettings = field(default_factory=IdentitySettings)
    storage: StorageSettings = field(default_factory=StorageSettings)
    budgets: BudgetPolicy = field(default_factory=BudgetPolicy)
    book: PriceBook = field(
        default_factory=lambda: PriceBook(load_prices), repr=False, compare=False
    )
    prices_url: str | None = None
    caching: CacheSettings = field(default_factory=CacheSettings)
    shared_redis: RedisPlace | None = None
    probing: ProbeSettings = field(default_factory=ProbeSettings)
    rotation: RotationSettings | None = None
    new_keys: NewKeySettings = field(default_factory=NewKeySettings)
    metering: MetricSettings = field(default_factory=MetricSettings)
    alerting: AlertSettings = field(default_factory=AlertSettings)
    callbacks: CallbackSettings = field(default_factory=CallbackSettings)
    texts: TextPolicy = field(default_factory=TextPolicy)


def weakness(master_key: str) -> str | None:
    """Why a master key can be guessed, in words; None where it is fit."""
    if master_key.lower() in KNOWN_MASTER_KEYS:
        return "this master key is in many documents; everybody knows it"
    if len(master_key) < SHORTEST_MASTER_KEY:
        return (
            f"this master key is shorter than {SHORTEST_MASTER_KEY} characters; it can be guessed"
        )
    return None


def check_bind(settings: Settings, host: str) -> Problem | None:
    """What is wrong with listening on this address: an error where all the world could call."""
    if settings.master_key is not None or _is_loopback(host):
        return None
    message = (
        f"{host or 'every address'} can be reached from outside and no master key is set: set"
        " general_settings.master_key or HEADGATE_MASTER_KEY, or listen on 127.0.0.1"
    )
    level: Literal["warning", "error"] = "warning" if settings.permit_weak_key else "error"
    return Problem(level, "general_settings.master_key", None, settings.source, message)


def _is_loopback(host: str) -> bool:
    name = host.strip().strip("[]").lower()
    if name == "localhost":
        return True
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
