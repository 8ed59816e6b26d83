"""Which of a provider's dialects serves a model, where its name says so.

The rule: LiteLLM's spellings; without one of them the provider's own order decides.
Source: https://docs.litellm.ai/docs/response_api (`openai/responses/<model>`) and
https://docs.litellm.ai/docs/providers/text_completion_openai.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.provider import Provider
from pipelines.registry import DIALECTS

RESPONSES = "responses/"
COMPLETIONS = "text-completion-openai/"


def faced(provider: Provider, model: str, written: str) -> tuple[Provider, str]:
    """The provider as it serves this model, and the model's bare name; `written` is the operator's
    whole spelling."""
    if written.startswith(COMPLETIONS):
        return _only(provider, "openai-completions"), model
    bare = model.removeprefix(RESPONSES)
    if bare and bare != model and _speaks(provider, "openai-responses"):
        return _only(provider, "openai-responses"), bare
    return provider, model


def _speaks(provider: Provider, dialect: str) -> bool:
    return any(one.dialect == dialect for one in provider.endpoints.values())


def _only(provider: Provider, dialect: str) -> Provider:
    kind = DIALECTS[dialect].kind
    kept = {
        name: one
        for name, one in provider.endpoints.items()
        if one.dialect == dialect or DIALECTS[one.dialect].kind != kind
    }
    return replace(provider, endpoints=kept)
