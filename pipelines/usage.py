"""What a call consumed, in tokens.

The rule: counts follow OpenAI's convention, so prompt tokens include the cached ones and completion
tokens include the reasoning ones, whatever the provider's own convention is.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


# To freeze it would make it five times as dear, and every call makes one.
@dataclass(slots=True, unsafe_hash=True)
class Usage:
    """What one reply consumed; `estimated` marks figures that no provider reported.

    `cache_write_hour_tokens` are those of the written ones that are kept for an hour. The provider
    itself said `service_tier` (how fast it served) and `reported_cost` (nano-dollars), if it did.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    estimated: bool = False
    cache_write_hour_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0
    images: int = 0
    searches: int = 0
    input_seconds: float = 0.0
    output_seconds: float = 0.0
    service_tier: str = ""
    reported_cost: int | None = None

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: Usage) -> Usage:
        """Both together; estimated where one of them is."""
        counts = {
            one.name: getattr(self, one.name) + getattr(other, one.name)
            for one in fields(Usage)
            if one.name not in _NO_COUNTS
        }
        told = [one.reported_cost for one in (self, other) if one.reported_cost is not None]
        return Usage(
            **counts,
            estimated=self.estimated or other.estimated,
            service_tier=self.service_tier or other.service_tier,
            reported_cost=sum(told) if told else None,
        )


_NO_COUNTS = frozenset({"estimated", "service_tier", "reported_cost"})

NO_USAGE = Usage()
