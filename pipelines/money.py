"""Money from usage.

The rule: money is an integer of nano-dollars and a price an integer of pico-dollars per token; the
product is rounded up once per call, and an unknown price is unknown, not zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, InvalidOperation

from pipelines.usage import Usage

PICO = 10**12
NANO = 10**9
PICO_PER_NANO = 1000


@dataclass(frozen=True, slots=True)
class Prices:
    """What one model costs, in pico-dollars: per token, and per request, search, image and second
    (`prompt_second` of what is heard, `completion_second` of the reply).

    A kind without a price of its own costs what its family does: cached and written tokens, audio
    and images of a prompt as the prompt, all of a reply as the completion. `tiers` are the prices
    for all tokens of a call whose prompt has more tokens than each of them names, lowest first.
    """

    prompt: int
    completion: int
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    cache_write_hour: int | None = None
    audio_prompt: int | None = None
    audio_completion: int | None = None
    image_prompt: int | None = None
    image_completion: int | None = None
    request: int = 0
    search: int = 0
    image: int = 0
    prompt_second: int = 0
    completion_second: int = 0
    tiers: tuple[tuple[int, Prices], ...] = ()

    def at(self, moment: float, service: str = "") -> Prices:
        """The prices at a moment for a service tier: always these."""
        return self

    def of_size(self, prompt: int) -> Prices:
        """The prices of a call whose prompt has so many tokens."""
        for above, prices in reversed(self.tiers):
            if prompt > above:
                return prices
        return self

    def dearest(self, prompt: int, audio: bool = False) -> Prices:
        """Prices for a prompt and a completion of which no call costs more whose prompt has at most
        so many tokens; `audio` says whether any of it may be heard or spoken."""
        heard, spoken = self._dearest_prompt(audio), self._dearest_completion(audio)
        request = self.request
        for above, one in self.tiers:
            if prompt > above:
                heard = max(heard, one._dearest_prompt(audio))
                spoken = max(spoken, one._dearest_completion(audio))
                request = max(request, one.request)
        if heard == self.prompt and spoken == self.completion and not self.tiers:
            return self
        return Prices(heard, spoken, request=request)

    @property
    def audible(self) -> bool:
        """Whether sound has a price of its own."""
        return self.audio_prompt is not None or self.audio_completion is not None

    def _dearest_prompt(self, audio: bool) -> int:
        return max(
            self.prompt,
            self.cached or 0,
            self.cache_write or 0,
            self.cache_write_hour or 0,
            self.image_prompt or 0,
            (audio and self.audio_prompt) or 0,
        )

    def _dearest_completion(self, audio: bool) -> int:
        return max(
            self.completion,
            self.reasoning or 0,
            self.image_completion or 0,
            (audio and self.audio_completion) or 0,
        )


def pico(usd: float | str | Decimal) -> int:
    """Dollars per token as pico-dollars per token, exact to the last written digit."""
    return int((Decimal(str(usd)) * PICO).to_integral_value())


def nano_up(usd: object) -> int | None:
    """Dollars as somebody wrote them in JSON, as nano-dollars, rounded up; None where it is no sum
    that can be."""
    if isinstance(usd, bool) or not isinstance(usd, int | float | str):
        return None
    try:
        exact = Decimal(str(usd))
    except InvalidOperation:
        return None
    if not exact.is_finite() or exact < 0 or exact > NANO:
        return None
    return int((exact * NANO).to_integral_value(ROUND_CEILING))


def cost(usage: Usage, prices: Prices) -> int:
    """What this usage costs in nano-dollars, rounded up."""
    if prices.tiers:
        prices = prices.of_size(usage.prompt_tokens)
    cached_price = prices.prompt if prices.cached is None else prices.cached
    written_price = prices.prompt if prices.cache_write is None else prices.cache_write
    thought_price = prices.completion if prices.reasoning is None else prices.reasoning
    plain = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens
    spoken = usage.completion_tokens - usage.reasoning_tokens
    total = (
        usage.cached_tokens * cached_price
        + usage.cache_write_tokens * written_price
        + usage.reasoning_tokens * thought_price
        + prices.request
    )
    if usage.cache_write_hour_tokens and prices.cache_write_hour is not None:
        # They are among the written ones, which were counted at the usual price.
        hour = min(usage.cache_write_hour_tokens, usage.cache_write_tokens)
        total += hour * (prices.cache_write_hour - written_price)
    if usage.audio_input_tokens and prices.audio_prompt is not None:
        plain -= usage.audio_input_tokens
        total += usage.audio_input_tokens * prices.audio_prompt
    if usage.audio_output_tokens and prices.audio_completion is not None:
        spoken -= usage.audio_output_tokens
        total += usage.audio_output_tokens * prices.audio_completion
    if usage.image_input_tokens and prices.image_prompt is not None:
        plain -= usage.image_input_tokens
        total += usage.image_input_tokens * prices.image_prompt
    if usage.image_output_tokens and prices.image_completion is not None:
        spoken -= usage.image_output_tokens
        total += usage.image_output_tokens * prices.image_completion
    total += max(0, plain) * prices.prompt + max(0, spoken) * prices.completion
    return -(-(total + _units(usage, prices)) // PICO_PER_NANO)


def _units(usage: Usage, prices: Prices) -> int:
    if not (usage.searches or usage.images or usage.input_seconds or usage.output_seconds):
        return 0
    heard = round(usage.input_seconds * prices.prompt_second)
    made = round(usage.output_seconds * prices.completion_second)
    return usage.searches * prices.search + usage.images * prices.image + heard + made
