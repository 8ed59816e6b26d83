"""JSON that fits a schema, as far as a model at Bedrock can be held to it.

The rule: the schema itself where the model takes one; else a tool that the model must call and
whose arguments are the answer; else words. All but the first is told as emulated.
Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from pipelines.dialects.losses import Losses
from pipelines.prompt import Prompt, ReplyFormat

STAND_IN = "json_answer"

_WITHOUT_SCHEMAS = re.compile(
    r"claude-(?:v|instant|3)|claude-(?:opus|sonnet)-4-(?:1-|2025)|nova|titan|llama|cohere\.|ai21\."
    r"|mixtral|mistral-(?:7b|large-240)|writer\."
)
_FORCED = re.compile(r"claude-(?:3|opus|sonnet)|nova")
_WORDS = "Answer with one JSON object and nothing else."
_CALL_IT = "Give the answer by calling this tool, once."


def set_format(
    body: dict[str, Any], extra: Mapping[str, Any], prompt: Prompt, model: str, losses: Losses
) -> None:
    """Ask for the form of the answer; `extra` is what only the model's vendor knows."""
    form = prompt.format
    if form is None:
        return
    if form.kind == "json" or not form.schema:
        losses.emulated("json_object")
        _say(body, _WORDS)
    elif _WITHOUT_SCHEMAS.search(model) is None:
        body["outputConfig"] = {"textFormat": _text_format(form)}
    else:
        losses.emulated("json_schema")
        thinks = bool({"thinking", "reasoningConfig"} & extra.keys())
        if _FORCED.search(model) and not thinks:
            _stand_in(body, form, bool(prompt.tools))
        else:
            schema = orjson.dumps(form.schema).decode()
            _say(body, f"{_WORDS} It must fit this JSON schema:\n{schema}")


def _say(body: dict[str, Any], words: str) -> None:
    body["system"] = [*body.get("system", ()), {"text": words}]


def _text_format(form: ReplyFormat) -> dict[str, Any]:
    schema = {"schema": orjson.dumps(form.schema).decode(), "name": form.name or "answer"}
    if form.description:
        schema["description"] = form.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _stand_in(body: dict[str, Any], form: ReplyFormat, offered: bool) -> None:
    config = body.setdefault("toolConfig", {"tools": []})
    spec = {
        "name": STAND_IN,
        "description": f"{form.description} {_CALL_IT}".strip(),
        "inputSchema": {"json": form.schema},
    }
    config["tools"].append({"toolSpec": spec})
    choice = {"any": {}} if offered else {"tool": {"name": STAND_IN}}
    config.setdefault("toolChoice", choice)
