"""The order of stages, checked once, and one run through them.

The rule: a stage listed before the source meets the call on its way in; a stage listed after the
source wraps all the others and meets the reply last. The passage opens every generator and it
closes them all, innermost first, in the task of the request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from types import TracebackType

from pipelines.errors import ChainOrder
from pipelines.events import Flow
from pipelines.exchange import Exchange
from pipelines.stage import Stage

SOURCE = "stream"


class Chain:
    """Stages in order, folded once and run once for each exchange.

    Raises ChainOrder when names repeat, the source is missing, or a stage needs what none gives.
    """

    def __init__(self, stages: Sequence[Stage], source: str = SOURCE) -> None:
        at = _position(stages, source)
        self._stages = tuple(stages)
        self._nested = (*reversed(stages[at + 1 :]), *stages[: at + 1])
        _check_needs(self._nested)

    @property
    def names(self) -> tuple[str, ...]:
        """The stages' names in the listed order."""
        return tuple(stage.name for stage in self._stages)

    def run(self, exchange: Exchange) -> Passage:
        """One passage of this exchange; use it as an async context manager."""
        return Passage(self._nested, exchange)


class Passage:
    """One run of one exchange: entering it gives the flow, leaving it closes every generator."""

    __slots__ = ("_depth", "_exchange", "_nested", "_opened")

    def __init__(self, nested: tuple[Stage, ...], exchange: Exchange, depth: int = 0) -> None:
        self._nested = nested
        self._exchange = exchange
        self._depth = depth
        self._opened: list[Flow] = []

    async def __aenter__(self) -> Flow:
        if not self._depth:
            self._exchange.passage = self
        return self._open(self._depth)

    def apart(
        self, after: str, exchange: Exchange | None = None, around: tuple[Stage, ...] = ()
    ) -> Passage:
        """The stages behind `after` as a passage of its own, which another task may enter and
        leave; for this exchange, or for one that was branched off. Those `around` come first."""
        at = next(index for index, stage in enumerate(self._nested) if stage.name == after)
        if around:
            return Passage((*around, *self._nested[at + 1 :]), exchange or self._exchange)
        return Passage(self._nested, exchange or self._exchange, at + 1)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            while self._opened:
                await self._opened.pop().aclose()
        finally:
            if self._opened:
                # One failing close does not spare the others.
                await self.__aexit__(None, None, None)
            if not self._depth and self._exchange.outlives is None:
                # They know each other: apart, they are gone at once and need no collector.
                self._exchange.passage = None

    def _open(self, depth: int) -> Flow:
        flow = self._nested[depth](self._exchange, partial(self._open, depth + 1))
        # A stage that only hands on the flow behind it has opened none of its own.
        if not self._opened or self._opened[-1] is not flow:
            self._opened.append(flow)
        return flow


def _position(stages: Sequence[Stage], source: str) -> int:
    names = [stage.name for stage in stages]
    for name in names:
        if names.count(name) > 1:
            raise ChainOrder(f"stage {name!r} is listed twice; each stage runs once")
    if source not in names:
        raise ChainOrder(f"stage {source!r} is missing; it is the one that calls the provider")
    return names.index(source)


def _check_needs(nested: Sequence[Stage]) -> None:
    given: set[str] = set()
    for stage in nested:
        missing = sorted(stage.needs - given)
        if missing:
            raise ChainOrder(
                f"stage {stage.name!r} needs {', '.join(missing)}, which no stage before it gives"
            )
        given |= stage.gives
