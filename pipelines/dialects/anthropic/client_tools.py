"""Anthropic's own tools that the client runs, as the functions that they are.

The rule: their models know these tools by heart, all others are given the schema; a call of one
comes back under the same name and with the same input, so that the client sees no difference.
Sources: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/bash-tool,
https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/text-editor-tool,
https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/memory-tool
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.prompt import CacheMark, Tool

# Where the whole definition stands in the `rest` of such a tool.
OWN = "own_definition"

_WORDS = {"type": "string"}.items()
_LINE = {"type": "integer"}.items()
_BASH = "Runs a command in a persistent bash session and gives its output."
_EDITOR = (
    "Views, creates and edits files. `old_str` of a str_replace must occur exactly once in the "
    "file; an insert puts `new_str` after the line `insert_line`; `view_range` is [first, last]."
)
_MEMORY = (
    "Views and edits the files below /memories, which outlive the conversation. `old_str` of a "
    "str_replace must occur exactly once; an insert puts `insert_text` after `insert_line`."
)
_EDITING = ("view", "create", "str_replace", "insert")


def client_tool(one: Mapping[str, Any], mark: CacheMark | None) -> Tool | None:
    """The function that a tool of theirs is, with the definition itself in `rest`; None where it is
    none that every model could call."""
    kind = str(one.get("type"))
    if kind.startswith("bash_20"):
        fields: dict[str, Any] = {
            "command": {**dict(_WORDS), "description": "The command; not needed to restart."},
            "restart": {"type": "boolean", "description": "Whether to begin a new session."},
        }
        return _tool(one, mark, _BASH, _object(fields))
    if kind.startswith("text_editor_20"):
        # Until then a change could be taken back.
        undo = ("undo_edit",) if kind < "text_editor_20250429" else ()
        fields = _editing(*_EDITING, *undo)
        return _tool(one, mark, _EDITOR, _object(fields, "command", "path"))
    if kind.startswith("memory_20"):
        fields = _editing(*_EDITING, "delete", "rename")
        fields |= {name: dict(_WORDS) for name in ("insert_text", "old_path", "new_path")}
        return _tool(one, mark, _MEMORY, _object(fields, "command"))
    return None


def _tool(
    one: Mapping[str, Any], mark: CacheMark | None, words: str, schema: Mapping[str, Any]
) -> Tool:
    name = str(one.get("name") or "")
    return Tool(name, words, schema, cache=mark, rest={OWN: dict(one)})


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _editing(*commands: str) -> dict[str, Any]:
    words = dict(_WORDS)
    return {
        "command": {**words, "enum": list(commands)},
        "path": words,
        "view_range": {"type": "array", "items": dict(_LINE)},
        "file_text": words,
        "old_str": words,
        "new_str": words,
        "insert_line": dict(_LINE),
    }
