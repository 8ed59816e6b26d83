"""OpenAI's SDK as a reader: chat completions and Responses, whole and streamed.

The rule: what a program sees that uses the SDK as it is meant to be used, and nothing behind it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import openai

from tests.matrix.meaning import Calls, Meaning, ended
from tests.matrix.oracle_chat import REASONS

HELLO = "Hello"


def chat_whole(client: openai.OpenAI, model: str) -> Meaning:
    """One chat completion."""
    reply: Any = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": HELLO}]
    )
    choice, usage = reply.choices[0], reply.usage
    if choice.message is None:
        # Azure leaves the message out where it filtered the answer.
        return Meaning(
            finish="content_filter", usage=(usage.prompt_tokens, usage.completion_tokens)
        )
    said = Meaning(text=words(choice.message.content), refusal=choice.message.refusal or "")
    said.thoughts = _thoughts(choice.message)
    calls = Calls()
    for at, call in enumerate(choice.message.tool_calls or ()):
        _begin(calls, at, call)
    said.calls = calls.all()
    said.finish = ended(REASONS.get(choice.finish_reason, "stop"), calls)
    said.usage = usage and (usage.prompt_tokens, usage.completion_tokens)
    return said


def chat_streamed(client: openai.OpenAI, model: str) -> Meaning:
    """A stream of chunks."""
    stream: Any = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": HELLO}],
        stream=True,
        stream_options={"include_usage": True},
    )
    said, calls, reason = Meaning(), Calls(), ""
    for chunk in stream:
        for choice in chunk.choices:
            if choice.index:
                continue
            delta = choice.delta
            said.text += words(delta.content)
            said.refusal += delta.refusal or ""
            said.thoughts += _thoughts(delta)
            for call in delta.tool_calls or ():
                # A host that sends no index, or always the same one, tells calls apart by their id.
                at = call.index if call.index is not None else call.id
                if at in calls and call.id and _name(call):
                    at = call.id
                if at in calls:
                    calls.more(at, _function(call).get("arguments") or "")
                else:
                    _begin(calls, at, call)
            reason = reason or choice.finish_reason or ""
        usage = chunk.usage or _groq_usage(chunk)
        if usage is not None:
            said.usage = (usage.prompt_tokens, usage.completion_tokens or 0)
    said.calls = calls.all()
    said.finish = ended(REASONS.get(reason, "stop"), calls)
    return said


def _groq_usage(chunk: Any) -> Any:
    """Groq's older place, which its own clients read."""
    usage = ((chunk.model_extra or {}).get("x_groq") or {}).get("usage")
    return usage and SimpleNamespace(**usage)


def _function(call: Any) -> dict[str, Any]:
    whole = call.to_dict()
    function = whole.get("function")
    if function is not None:
        return dict(function)
    custom = whole.get("custom") or {}
    return {"name": custom.get("name"), "arguments": custom.get("input")}


def _name(call: Any) -> str:
    return _function(call).get("name") or ""


def _begin(calls: Calls, at: object, call: Any) -> None:
    calls.begin(at, _name(call), _function(call).get("arguments") or "")


def words(content: object) -> str:
    """The text of a content; Mistral's own clients get it as a list of parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") == "text")
    return str(content or "")


def _thoughts(said: Any) -> str:
    extra = said.model_extra or {}
    found = extra.get("reasoning_content") or extra.get("reasoning") or ""
    for part in said.content if isinstance(said.content, list) else ():
        if part.get("type") == "thinking":
            inner = part["thinking"]
            found += inner if isinstance(inner, str) else "".join(one["text"] for one in inner)
    if not found:
        details = extra.get("reasoning_details") or ()
        found = "".join(one.get("text") or one.get("summary") or "" for one in details)
    return str(found)


def responses_whole(client: openai.OpenAI, model: str) -> Meaning:
    """One response."""
    return _response(
        client.responses.create(model=model, input=HELLO, reasoning={"summary": "auto"})
    )


def responses_streamed(client: openai.OpenAI, model: str) -> Meaning:
    """A stream of events: its pieces, and the whole at its end."""
    stream: Any = client.responses.create(
        model=model, input=HELLO, reasoning={"summary": "auto"}, stream=True
    )
    text, thoughts, items, final = "", {"summary": "", "content": ""}, {}, None
    for event in stream:
        if event.type == "response.output_text.delta":
            text += event.delta
        elif event.type == "response.reasoning_summary_text.delta":
            thoughts["summary"] += event.delta
        elif event.type == "response.reasoning_text.delta":
            thoughts["content"] += event.delta
        elif event.type == "response.output_item.done":
            items[event.output_index] = event.item
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            final = event.response
        elif event.type == "error":
            return Meaning(failure=event.message)
    if final is None:
        return Meaning(failure="the stream had no end")
    said = _response(final, [items[at] for at in sorted(items)])
    said.text = text or said.text
    said.thoughts = thoughts["summary"] or thoughts["content"] or said.thoughts
    return said


def _response(reply: Any, items: Any = ()) -> Meaning:
    if reply.error is not None:
        return Meaning(failure=reply.error.message)
    said, calls = Meaning(), Calls()
    for at, item in enumerate(items or reply.output):
        if item.type == "message":
            for part in item.content:
                said.text += getattr(part, "text", "")
                said.refusal += getattr(part, "refusal", "")
        elif item.type == "reasoning":
            said.thoughts += "".join(part.text for part in item.summary or item.content or ())
        elif item.type == "function_call":
            calls.begin(at, item.name, item.arguments)
        elif item.type == "custom_tool_call":
            calls.begin(at, item.name, item.input)
    said.calls = calls.all()
    reason = reply.incomplete_details.reason if reply.incomplete_details else ""
    known = {"max_output_tokens": "length", "content_filter": "content_filter"}
    said.finish = ended(known.get(reason, "stop"), calls)
    usage = reply.usage
    said.usage = usage and (usage.input_tokens, usage.output_tokens)
    return said
