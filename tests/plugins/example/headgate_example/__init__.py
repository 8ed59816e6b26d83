"""An example of a plugin: a stage that signs every streamed reply with a comment.

The rule: a plugin imports from `pipelines` alone, and touches no event but those it speaks of.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines import BadCall, Data, End, Exchange, Flow, Head, Media, Ports, Proceed

NAME = "example-signature"


class Signature:
    """Counts the events of a reply and writes the count below a stream; refuses forbidden words."""

    name = NAME
    needs = frozenset({"principal"})
    gives: frozenset[str] = frozenset()

    def __init__(self, settings: Mapping[str, object], ports: Ports) -> None:
        self._word = str(settings.get("word", "signed"))
        self._forbidden = settings.get("forbidden_model")

    async def __call__(self, exchange: Exchange, proceed: Proceed) -> Flow:
        """Raises BadCall for the model that the settings forbid."""
        if exchange.call.model == self._forbidden:
            raise BadCall("This model is forbidden here.", "model")
        count = 0
        streaming = False
        try:
            async for event in proceed():
                if type(event) is Head:
                    streaming = event.media is Media.SSE
                elif type(event) is Data:
                    count += 1
                elif type(event) is End and streaming:
                    who = exchange.principal.alias
                    yield Data(f": {self._word} for {who}, {count} pieces\n\n".encode())
                yield event
        finally:
            exchange.notes[NAME] = count
