"""Composes the mock provider's reply to a request, with the faults that its model's name asks for.

The rule: it is pure; the same request gives the same bytes, and their pace is somebody else's
concern.
"""

from __future__ import annotations

import base64
import hashlib
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from sys import byteorder
from types import MappingProxyType

import orjson

from pipelines.events import Headers
from proxy.transport.mock_forms import (
    ChatForm,
    Fields,
    Form,
    Part,
    Read,
    Said,
    TextForm,
    document,
    events,
)
from proxy.transport.mock_script import Failing, Script, UnknownDirection, read_script
from proxy.transport.mock_words import (
    BadRequest,
    Body,
    answer_chat,
    answer_prompt,
    choices,
    count,
    heard,
    texts_of,
)

DIMENSIONS = 256
MAX_DIMENSIONS = 3_072
MAX_NUMBERS = 1_000_000
BROKEN = "The mock provider fails here, as the model's name tells it."
TYPES = MappingProxyType({429: "rate_limit_exceeded"})
CODES = MappingProxyType({401: "invalid_api_key", 429: "rate_limit_exceeded"})
JSON = "application/json"
SSE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Composed:
    """A reply that is not yet on its way.

    `delay` is how many seconds lie between the head and the first read; `failing` is what happens
    after the last one.
    """

    status: int
    headers: Headers
    reads: Iterator[Read]
    script: Script
    delay: float = 0.0
    failing: Failing | None = None


def compose(path: str, raw: bytes) -> Composed:
    """The reply to a request, be it an error."""
    script = Script()
    try:
        body = _parsed(raw)
        script = read_script(body["model"])
        if script.status != 200:
            return _failed(script)
        ident = hashlib.sha256(raw).hexdigest()[:24]
        if path.endswith("/chat/completions"):
            return _said(ChatForm(), _chat(body, script, ident), body, script)
        if path.endswith("/completions"):
            return _said(TextForm(), _text(body, script, ident), body, script)
        if path.endswith("/embeddings"):
            return _whole(_embeddings(body), script, 0)
    except UnknownDirection as error:
        return _refused(script, 404, str(error), "model", "model_not_found")
    except BadRequest as error:
        return _refused(script, 400, str(error), error.param)
    return _refused(script, 404, f"The mock provider has nothing at {path[:100]}.")


def _parsed(raw: bytes) -> Body:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not valid JSON.") from None
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise BadRequest("The body must be an object that names a model.", "model")
    return body


def _chat(body: Body, script: Script, ident: str) -> Said:
    answers = choices(body, [answer_chat(body, script)])
    return Said(ident, body["model"], answers, heard(body), _wants_usage(body))


def _text(body: Body, script: Script, ident: str) -> Said:
    prompts = texts_of(body, "prompt")
    answers = choices(body, (answer_prompt(prompt, body, script) for prompt in prompts))
    words = sum(len(prompt.split()) for prompt in prompts)
    return Said(ident, body["model"], answers, words, _wants_usage(body))


def _wants_usage(body: Body) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _said(form: Form, said: Said, body: Body, script: Script) -> Composed:
    if body.get("stream") is not True:
        return _whole(document(form, said), script, said.rounds)
    reads = _until(events(form, said), script)
    return Composed(200, _headers(SSE), reads, script, script.first, script.failing)


def _until(reads: Iterator[Read], script: Script) -> Iterator[Read]:
    """The reads up to the word after which the script lets the reply fail."""
    if script.failing is None:
        yield from reads
        return
    left = script.lasts
    for read in reads if left else ():
        if read.part is Part.ENDING or (read.part is Part.WORD and not left):
            break
        left -= read.part is Part.WORD
        yield read
    if script.failing is Failing.ERROR:
        yield Read(b"data: " + orjson.dumps(_error(BROKEN, "server_error")) + b"\n\n", Part.ENDING)


def _whole(value: Fields, script: Script, words: int) -> Composed:
    """A reply in one piece; one that is to break off ends in its middle."""
    if script.failing is Failing.ERROR:
        value = _error(BROKEN, "server_error")
    raw = orjson.dumps(value)
    if script.failing not in (None, Failing.ERROR):
        raw = raw[: len(raw) // 2 if script.lasts else 0]
    reads = iter([Read(raw, Part.WORD)] if raw else [])
    spoken = max(0, words - 1) / script.rate if script.paced and script.rate else 0.0
    return Composed(200, _headers(JSON), reads, script, script.first + spoken, script.failing)


def _failed(script: Script) -> Composed:
    status = script.status
    message = f"The mock provider answers with {status}, as the model's name tells it."
    reply = _refused(script, status, message, code=CODES.get(status))
    if status == 429:
        reply.headers.append((b"retry-after", b"1"))
    return reply


def _refused(
    script: Script, status: int, message: str, param: str | None = None, code: str | None = None
) -> Composed:
    kind = "server_error" if status >= 500 else TYPES.get(status, "invalid_request_error")
    raw = orjson.dumps(_error(message, kind, param, code))
    return Composed(status, _headers(JSON), iter([Read(raw, Part.WORD)]), script)


def _error(message: str, kind: str, param: str | None = None, code: str | None = None) -> Fields:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _headers(media: str) -> Headers:
    return [(b"content-type", media.encode())]


def _embeddings(body: Body) -> Fields:
    texts = texts_of(body, "input")
    size = count(body, "dimensions", MAX_DIMENSIONS) or DIMENSIONS
    form = body.get("encoding_format") or "float"
    if form not in ("float", "base64"):
        raise BadRequest("'encoding_format' must be 'float' or 'base64'.", "encoding_format")
    if size * len(texts) > MAX_NUMBERS:
        raise BadRequest(f"The mock provider gives at most {MAX_NUMBERS} numbers.", "input")
    vectors = (_vector(text, size) for text in texts)
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": _base64(vector) if form == "base64" else vector.tolist(),
        }
        for index, vector in enumerate(vectors)
    ]
    words = sum(len(text.split()) for text in texts)
    usage = {"prompt_tokens": words, "total_tokens": words}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def _vector(text: str, size: int) -> array[float]:
    """A vector of length one that depends on nothing but the text."""
    digest = hashlib.shake_256(text.encode("utf-8", "replace")).digest(2 * size)
    # An odd number of half steps from the middle: no coordinate is zero, so no vector is.
    steps = [int.from_bytes(digest[at : at + 2]) - 32767.5 for at in range(0, 2 * size, 2)]
    length = math.hypot(*steps)
    return array("f", (step / length for step in steps))


def _base64(vector: array[float]) -> str:
    if byteorder == "big":
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()
