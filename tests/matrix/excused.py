"""The cells that cannot pass, and why.

The rule: a cell stands here only for what the client's dialect cannot say, for what its SDK cannot
read, or for a recording that no provider would send; never for what the gateway could mend.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from tests.matrix.meaning import Meaning

# (client, recording, reason); the first two are patterns.
EXCUSED = (
    (
        "anthropic",
        "anthropic/anthropic-tool-search-regex.1.chunks.txt",
        "the file joins two replies, and between two of one dialect bytes pass untouched",
    ),
    (
        "*",
        "anthropic/spliced-message-start.chunks.txt",
        "made by hand: a second reply begins within the first, which is told as an error",
    ),
    (
        "*",
        "anthropic/incomplete_partial_json_response.txt",
        "the arguments break off within their JSON, and this client reads objects only",
    ),
    (
        "openai-responses",
        "openai/parallel-tool-call-wrapper.1.chunks.txt",
        "the file was shortened to events that are no JSON, and bytes pass untouched",
    ),
    (
        "gemini",
        "vertex_ai/test_generate_content_*",
        "Vertex wrote its enums as numbers, which Google's own SDK cannot read",
    ),
)
OLLAMA = "Ollama's done_reason has no word for a filtered answer"


def excuse(client: str, recording: str, wanted: Meaning, told: list[str]) -> str:
    """Why this cell cannot pass, or the empty string; `told` is what it did not read."""
    if client == "ollama" and wanted.finish == "content_filter" and len(told) == 1:
        return OLLAMA if told[0].startswith("finish:") else ""
    for whose, name, reason in EXCUSED:
        if fnmatchcase(client, whose) and fnmatchcase(recording, name):
            return reason
    return ""
