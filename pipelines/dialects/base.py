"""What a dialect is.

The rule: a dialect is pure. Readers of a reply are fed bytes and give bytes; they do no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from pipelines.call import Call
from pipelines.deployment import Deployment
from pipelines.dialects.bridge import Interpreter, Writer
from pipelines.dialects.frames import Frames
from pipelines.dialects.losses import Losses
from pipelines.errors import GatewayError, UpstreamError
from pipelines.events import Headers, Media
from pipelines.usage import Usage


class Gauge(Protocol):
    """Watches one reply that is passed on in its own dialect."""

    @property
    def usage(self) -> Usage:
        """What was consumed as far as it is known by now."""

    @property
    def fault(self) -> UpstreamError | None:
        """What broke the reply, once everything good that stood before it has been given."""

    def watch(self, raw: bytes) -> bytes:
        """What may be passed on now: the very same object where nothing needs to change.

        Raises UpstreamError where the reply turns out to be an error.
        """

    def close(self) -> bytes:
        """What is left to pass on at the reply's end. Raises StreamBroken where it was cut."""


@runtime_checkable
class CutsShort(Protocol):
    """A gauge that can end the reply before its provider does."""

    def cut_short(self, call: Call) -> bytes:
        """The bytes that end the reply where it stands, as one that reached the length it was
        allowed; none where it had ended."""


class Dialect(Protocol):
    """One wire format. Those of one `kind` can be translated into each other through the hub."""

    @property
    def name(self) -> str:
        """The name by which operations and providers refer to it."""

    @property
    def kind(self) -> str:
        """What is said in it: generation, completion, embeddings, rerank, moderation."""

    @property
    def media(self) -> Media:
        """The framing of its streams."""

    def forward(self, call: Call, deployment: Deployment) -> bytes:
        """The body for a provider that speaks this dialect too. Raises BadCall."""

    def gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher for the reply to a forwarded call."""

    def parse(self, call: Call) -> Any:
        """What a call means, in the hub of this kind (for generation: a Prompt). Raises BadCall."""

    def render(self, meaning: Any, deployment: Deployment, losses: Losses) -> dict[str, Any]:
        """The body for a provider that speaks this dialect. Raises Unsupported."""

    def interpreter(self, provider: str) -> Interpreter:
        """A reader for one reply of a provider; `provider` is its title, for errors."""

    def frames(self, media: Media) -> Frames:
        """What cuts a streamed reply of a provider into messages."""

    def writer(self, call: Call, id: str) -> Writer:
        """A writer for one reply to a client, streamed or whole as the call asks; `id` serves
        where the provider gives none."""

    def upstream_error(
        self, status: int, headers: Headers, body: bytes, deployment: Deployment
    ) -> UpstreamError:
        """What a provider's error reply means."""

    def error(self, error: GatewayError) -> bytes:
        """The body of an error reply, before the first byte of a reply."""

    def error_events(self, error: GatewayError) -> bytes:
        """The events that end a stream which failed after its first byte."""


@runtime_checkable
class SendsHeaders(Protocol):
    """A dialect that hands on some of the client's headers to providers that speak it too."""

    def headers(self, call: Call) -> Mapping[str, str]:
        """The headers for the provider."""


@runtime_checkable
class EndsCalls(Protocol):
    """A dialect whose last event of a broken stream depends on what was said before it."""

    def call_error_events(self, error: GatewayError, call: Call) -> bytes:
        """The events that end the stream of this call."""


@runtime_checkable
class TellsAgain(Protocol):
    """A dialect whose streams tell at their end once more all that was said."""

    def keeping_gauge(self, call: Call, deployment: Deployment) -> Gauge:
        """A watcher that keeps what it passes on, for a reply that may be cut short."""


@runtime_checkable
class AnswersItself(Protocol):
    """A dialect whose calls the gateway can answer where the provider does not speak it."""

    def answer(self, call: Call, losses: Losses) -> bytes | None:
        """The whole reply; None for a call that is the provider's after all. Raises BadCall, and
        Unsupported where that is a loss too much."""


@runtime_checkable
class OwnStatuses(Protocol):
    """A dialect whose clients know other statuses than ours for some errors."""

    def status(self, error: GatewayError) -> int:
        """The status of the reply that tells this error."""
