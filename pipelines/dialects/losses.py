"""What a rendering cannot carry over, and what becomes of it.

The rule: nothing is lost in silence. A feature that the target lacks is an error; a tuning knob is
dropped only where that was allowed; and whatever is dropped, clamped or emulated is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.errors import Unsupported

_LONGEST, _MOST = 80, 50


@dataclass(slots=True)
class Losses:
    """The losses of one rendering. `drop_params` lets knobs be dropped, `strict` forbids every
    loss; `told` lists them as `dropped:seed`, `clamped:temperature`, `emulated:json_schema`."""

    provider: str
    drop_params: bool = False
    strict: bool = False
    told: list[str] = field(default_factory=list)

    def feature(self, name: str) -> Unsupported:
        """The error for a feature that the target cannot express; to be raised."""
        return Unsupported(name, self.provider)

    def knob(self, name: str) -> None:
        """A tuning knob that the target lacks. Raises Unsupported where it may not be dropped."""
        if self.strict or not self.drop_params:
            raise Unsupported(
                f"the parameter {name!r} (drop_params: true lets it be left out)", self.provider
            )
        self._note("dropped", name)

    def cut(self, name: str) -> None:
        """A list of which the target takes only a part. Raises Unsupported where it may not be
        shortened."""
        if self.strict or not self.drop_params:
            raise Unsupported(
                f"so many values of {name!r} (drop_params: true lets it be shortened)",
                self.provider,
            )
        self._tell("clamped", name)

    def dropped(self, name: str) -> None:
        """Something of no weight that is left out. Raises Unsupported where strict."""
        self._tell("dropped", name)

    def clamped(self, name: str) -> None:
        """A value that was moved into the target's range."""
        self._tell("clamped", name)

    def emulated(self, name: str) -> None:
        """A feature that is done another way."""
        self._tell("emulated", name)

    def _tell(self, how: str, name: str) -> None:
        if self.strict:
            raise Unsupported(
                f"{name} without a loss (it would be {how}, which x-headgate-strict forbids)",
                self.provider,
            )
        self._note(how, name)

    def _note(self, how: str, name: str) -> None:
        # A client may make up any name; the list goes into a header, and commas part it there.
        told = f"{how}:{name.replace(',', ' ')[:_LONGEST]}"
        if told not in self.told and len(self.told) < _MOST:
            self.told.append(told)
