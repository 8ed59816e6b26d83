"""The SDKs of Anthropic, Google, Cohere and Ollama as readers, whole and streamed.

The rule: what a program sees that uses the SDK as it is meant to be used, and nothing behind it.
"""

from __future__ import annotations

from typing import Any

import anthropic
import cohere
import ollama
from google import genai
from google.genai import types

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.oracle_anthropic import REASONS as ANTHROPIC
from tests.matrix.oracle_cohere import REASONS as COHERE
from tests.matrix.oracle_gemini import REASONS as GEMINI
from tests.matrix.oracle_gemini import add_call

HELLO = "Hello"
LIMIT = 4096
BUDGET = 2048


def anthropic_whole(client: anthropic.Anthropic, model: str) -> Meaning:
    """One message."""
    return _message(
        client.messages.create(
            model=model,
            max_tokens=LIMIT,
            messages=[{"role": "user", "content": HELLO}],
            thinking={"type": "enabled", "budget_tokens": BUDGET},
        )
    )


def anthropic_streamed(client: anthropic.Anthropic, model: str) -> Meaning:
    """A stream, as the SDK's helper puts it together."""
    with client.messages.stream(
        model=model,
        max_tokens=LIMIT,
        messages=[{"role": "user", "content": HELLO}],
        thinking={"type": "enabled", "budget_tokens": BUDGET},
    ) as stream:
        return _message(stream.get_final_message())


def _message(message: Any) -> Meaning:
    said, calls = Meaning(), Calls()
    for at, block in enumerate(message.content):
        if block.type == "text":
            said.text += block.text
        elif block.type == "thinking":
            said.thoughts += block.thinking
        elif block.type == "tool_use":
            calls.begin(at, block.name, block.input)
    said.calls = calls.all()
    if message.stop_reason is None:
        return Meaning(failure="no stop reason")
    said.finish = ended(ANTHROPIC.get(message.stop_reason, "stop"), calls)
    usage = message.usage
    kept = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    said.usage = ((usage.input_tokens or 0) + kept, usage.output_tokens or 0)
    return said


def gemini_whole(client: genai.Client, model: str) -> Meaning:
    """One document."""
    return _candidates(
        [client.models.generate_content(model=model, contents=HELLO, config=_thinking())]
    )


def gemini_streamed(client: genai.Client, model: str) -> Meaning:
    """A stream of chunks."""
    found = client.models.generate_content_stream(model=model, contents=HELLO, config=_thinking())
    return _candidates(list(found))


def _thinking() -> types.GenerateContentConfig:
    return types.GenerateContentConfig(
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=BUDGET)
    )


def _candidates(chunks: list[Any]) -> Meaning:
    said, reason = Meaning(), ""
    for chunk in chunks:
        if chunk.prompt_feedback and chunk.prompt_feedback.block_reason:
            reason = "SAFETY"
        for candidate in (chunk.candidates or ())[:1]:
            for part in (candidate.content and candidate.content.parts) or ():
                if part.thought:
                    said.thoughts += part.text or ""
                else:
                    said.text += part.text or ""
                if part.function_call is not None:
                    add_call(
                        said.calls, part.function_call.model_dump(by_alias=True, exclude_none=True)
                    )
            if candidate.finish_reason is not None:
                reason = candidate.finish_reason.value
        usage = chunk.usage_metadata
        if usage is not None:
            prompt = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
            spoken = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
            said.usage = (prompt, spoken)
    said.finish = ended(GEMINI.get(reason, "stop"), said.calls)
    return said


def cohere_whole(client: cohere.ClientV2, model: str) -> Meaning:
    """One message."""
    reply: Any = client.chat(model=model, messages=_cohere_messages())
    said, calls = Meaning(thoughts=reply.message.tool_plan or ""), Calls()
    for part in reply.message.content or ():
        said.text += getattr(part, "text", None) or ""
        said.thoughts += getattr(part, "thinking", None) or ""
    for at, call in enumerate(reply.message.tool_calls or ()):
        calls.begin(at, call.function.name, call.function.arguments or "")
    said.calls = calls.all()
    return _ended(said, calls, reply.finish_reason, reply.usage)


def _cohere_messages() -> Any:
    return [{"role": "user", "content": HELLO}]


def cohere_streamed(client: cohere.ClientV2, model: str) -> Meaning:
    """A stream of events."""
    stream: Any = client.chat_stream(model=model, messages=_cohere_messages())
    said, calls, end = Meaning(), Calls(), None
    for event in stream:
        delta = getattr(event, "delta", None)
        message: Any = getattr(delta, "message", None)
        if event.type in ("content-start", "content-delta"):
            said.text += message.content.text or ""
            said.thoughts += message.content.thinking or ""
        elif event.type == "tool-plan-delta":
            said.thoughts += message.tool_plan or ""
        elif event.type == "tool-call-start":
            function = message.tool_calls.function
            calls.begin(event.index, function.name, function.arguments or "")
        elif event.type == "tool-call-delta":
            calls.more(event.index, message.tool_calls.function.arguments or "")
        elif event.type == "message-end":
            end = delta
    if end is None:
        return Meaning(failure="the stream had no end")
    if getattr(end, "error", None):
        return Meaning(failure=end.error)
    said.calls = calls.all()
    return _ended(said, calls, end.finish_reason, end.usage)


def _ended(said: Meaning, calls: Calls, reason: str, usage: Any) -> Meaning:
    said.finish = ended(COHERE.get(reason, "stop"), calls)
    counted = usage and (usage.tokens or usage.billed_units)
    if counted:
        said.usage = (int(counted.input_tokens or 0), int(counted.output_tokens or 0))
    return said


def ollama_whole(client: ollama.Client, model: str) -> Meaning:
    """One message."""
    messages = [{"role": "user", "content": HELLO}]
    return _lines([client.chat(model=model, messages=messages, think=True)])


def ollama_streamed(client: ollama.Client, model: str) -> Meaning:
    """A stream of lines."""
    messages = [{"role": "user", "content": HELLO}]
    return _lines(list(client.chat(model=model, messages=messages, think=True, stream=True)))


def _lines(lines: list[Any]) -> Meaning:
    said, done, reason = Meaning(), False, ""
    for line in lines:
        said.text += line.message.content or ""
        said.thoughts += line.message.thinking or ""
        for call in line.message.tool_calls or ():
            said.calls.append((call.function.name, dict(call.function.arguments)))
        done, reason = done or line.done is True, line.done_reason or reason
        if line.eval_count is not None or line.prompt_eval_count is not None:
            said.usage = (line.prompt_eval_count or 0, line.eval_count or 0)
    if not done:
        return Meaning(failure="the stream had no end")
    said.finish = ended("length" if reason == "length" else "stop", said.calls)
    return said
