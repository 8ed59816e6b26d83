"""The active keys of callbacks, alerts and texts that are kept.

The rule: as in `schema.py`, of whose sections these are parts.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from proxy.config.fields import Flag, Lasting, Map, Names, OptionalText, Positive, Seconds


class CallbackKeys(BaseModel):
    """Keys of `litellm_settings`: who is told of calls."""

    callbacks: Any = None
    success_callback: Any = None
    failure_callback: Any = None
    turn_off_message_logging: Flag | None = None
    forward_traceparent_to_llm_provider: Flag | None = None
    s3_callback_params: Map | None = None
    langfuse_public_key: OptionalText = None
    langfuse_secret_key: OptionalText = None
    langfuse_secret: OptionalText = None
    langfuse_host: OptionalText = None
    langfuse_default_tags: Names | None = None
    langsmith_batch_size: Positive | None = None


class AlertKeys(BaseModel):
    """Keys of `general_settings`: who is told of what goes wrong, and how long calls are kept."""

    alerting: Any = None
    store_prompts_in_spend_logs: Flag | None = None
    alert_types: Any = None
    alert_to_webhook_url: Map | None = None
    alerting_threshold: Seconds | None = None
    alerting_args: Map | None = None
    maximum_spend_logs_retention_period: Lasting | None = None
    maximum_spend_logs_retention_interval: Lasting | None = None


class HookKeys(BaseModel):
    """Keys of `headgate_settings`: what our webhooks are signed with, at which hosts keys and teams
    may have callbacks of their own, and what is taken out of texts that are kept."""

    webhook_secret: OptionalText = None
    callback_hosts: Names | None = None
    redact_messages: Any = None
