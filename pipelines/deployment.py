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

    `tags` are those of the calls that it is for, `region` where it stands, `parallel` how many
    calls it takes at a time, `max_input` the longest prompt in tokens where the operator says so;
    `abilities` says of single abilities (`vision`, `function_calling`, …) whether it has them,
    where that is known. `mirror` names a model that
    gets a copy of a `mirror_share` of its calls. `continues` lets another deployment go on where
    its reply breaks off; `hedges` lets a second one be asked where it is slow to begin.
    `cooldown` (seconds) and `allowed_fails` are its own, where it has any; `unwatched` ones are not
    probed, and `probe_model` is asked in a probe instead of the model, for `probe_timeout` seconds.
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
    tags: frozenset[str] = frozenset()
    region: str = ""
    max_input: int | None = None
    parallel: int | None = None
    abilities: Mapping[str, bool] = field(default_factory=dict)
    mirror: str = ""
    mirror_share: float = 1.0
    continues: bool = False
    hedges: bool = False
    cooldown: float | None = None
    allowed_fails: int | None = None
    unwatched: bool = False
    probe_model: str = ""
    probe_timeout: float | None = None
    mode: str = ""

    @property
    def tariff(self) -> Tariff | None:
        """What calls cost: by the operator's prices, else by the book's; None where unknown."""
        if self.prices is not None or self.book is None:
            return self.prices
        return self.book.find(self.provider.name, self.base_model or self.model)

    @property
    def context_window(self) -> int | None:
        """How many tokens a prompt may have: by the operator, else by the book."""
        if self.max_input is not None or self.book is None:
            return self.max_input
        return self.book.window(self.provider.name, self.base_model or self.model)

    def named(self, model: str) -> Deployment:
        """The same deployment of a wildcard for one concrete provider model."""
        return replace(self, model=model)
