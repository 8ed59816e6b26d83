"""What a model name may be served by.

The rule: a deployment is one entry of the operator's `model_list`, resolved: it knows everything
that an attempt needs, and it never changes while the configuration lives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipelines.allowance import Allowance
from pipelines.prices import Book, Tariff
from pipelines.provider import Credential, Provider


@dataclass(frozen=True, slots=True)
class Deployment:
    """One way to serve a model name.

    `group` is the public name, `model` the provider's own. `timeout` bounds a whole reply and
    `stream_timeout` the wait for a stream's first byte, both in seconds. `defaults` are fields for
    bodies that lack them; `drop_params` lets knobs be left out that the provider lacks;
    `max_output` is the longest reply in tokens where it is known, and
    `allowance` what this deployment itself may be used for. `prices` are the operator's own;
    `book` knows those of the provider's model, or of `base_model` where its name says nothing.
    """

    id: str
    group: str
    model: str
    provider: Provider
    base_url: str
    credential: Credential
    api_version: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    order: int = 0
    timeout: float | None = None
    stream_timeout: float | None = None
    max_retries: int | None = None
    prices: Tariff | None = None
    drop_params: bool = False
    max_output: int | None = None
    allowance: Allowance | None = None
    book: Book | None = field(default=None, repr=False, compare=False)
    base_model: str = ""

    @property
    def tariff(self) -> Tariff | None:
        """What calls cost: by the operator's prices, else by the book's; None where unknown."""
        if self.prices is not None or self.book is None:
            return self.prices
        return self.book.find(self.provider.name, self.base_model or self.model)

    def named(self, model: str) -> Deployment:
        """The same deployment of a wildcard for one concrete provider model."""
        return replace(self, model=model)
