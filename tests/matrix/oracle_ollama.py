"""What a recorded reply of Ollama's own interface says, whole or streamed.

The rule: read from the recording alone; a whole reply is a stream of one line.
"""

from __future__ import annotations

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.wires import Event


class OllamaOracle:
    """Collects one message."""

    def __init__(self) -> None:
        self.said = Meaning()
        self._calls = Calls()
        self._done = False
        self._reason = ""

    def take(self, line: Event) -> None:
        """One line."""
        if line.get("error"):
            self.said.failure = str(line["error"])
        said = line.get("message") or {}
        self.said.text += said.get("content") or line.get("response") or ""
        self.said.thoughts += said.get("thinking") or line.get("thinking") or ""
        for call in said.get("tool_calls") or ():
            function = call["function"]
            number = len(self._calls.all())
            self._calls.begin(number, function["name"], function.get("arguments") or "")
        self._done |= line.get("done") is True
        self._reason = line.get("done_reason") or self._reason
        if "eval_count" in line or "prompt_eval_count" in line:
            self.said.usage = (line.get("prompt_eval_count") or 0, line.get("eval_count") or 0)

    def meaning(self) -> Meaning:
        """The message."""
        if not self._done:
            self.said.failure = self.said.failure or "cut off"
        self.said.calls = self._calls.all()
        self.said.finish = ended("length" if self._reason == "length" else "stop", self.said.calls)
        return self.said
