"""The embeddings of Ollama, for its clients and its servers; the tables stand in
test_providers.py."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from pipelines.call import Call
from pipelines.dialects.base import Dialect
from pipelines.dialects.bridge import Bridge
from pipelines.dialects.embeddings.ollama import OLLAMA_EMBED, OLLAMA_EMBEDDINGS
from pipelines.dialects.frames import LineFrames
from pipelines.dialects.losses import Losses
from pipelines.dialects.openai_dialects import OPENAI_EMBEDDINGS
from pipelines.errors import BadCall, Denied, Unsupported, UpstreamFailed
from pipelines.events import Media
from pipelines.operations import OLLAMA_EMBED as EMBED
from pipelines.operations import OLLAMA_EMBEDDINGS as OLDER
from pipelines.usage import Usage
from pipelines.vectors import Vector, packed
from tests.builders import a_call, a_deployment
from tests.pipelines.dialects.embeddings.translating import answered, called, rendered


def embed(**fields: Any) -> Call:
    return a_call(orjson.dumps({"model": "gpt", "input": ["a", "b"], **fields}), EMBED)


def older(**fields: Any) -> Call:
    return a_call(orjson.dumps({"model": "gpt", "prompt": "a", **fields}), OLDER)


def test_every_input_is_sent_and_its_vector_comes_back() -> None:
    assert "hello" in str(rendered(OLLAMA_EMBED, called("hello")))
    document, _ = answered(OLLAMA_EMBED, called("hello"), b'{"embeddings":[[1.0]]}')
    assert document["data"][0]["embedding"] == [1.0]


def test_the_operators_options_go_below_options() -> None:
    defaults = {"num_ctx": 8192, "keep_alive": "8m"}
    body = rendered(OLLAMA_EMBED, called("a"), defaults=defaults)
    assert body["options"] == {"num_ctx": 8192}
    assert body["keep_alive"] == "8m"
    assert "num_ctx" not in body


def test_a_clients_call_is_said_in_openais_words() -> None:
    losses = Losses("Acme")
    call = embed(dimensions=8, truncate=True, options={"num_ctx": 9})
    body = OPENAI_EMBEDDINGS.render(OLLAMA_EMBED.parse(call), a_deployment(), losses)
    assert body == {"model": "gpt", "input": ["a", "b"], "dimensions": 8}
    assert losses.told == ["dropped:truncate", "dropped:num_ctx"]


def test_a_clients_call_goes_back_as_it_was() -> None:
    call = embed(dimensions=8, truncate=True, options={"num_ctx": 9})
    body = OLLAMA_EMBED.render(OLLAMA_EMBED.parse(call), a_deployment(), Losses("x", strict=True))
    assert body == call.json
    assert OLLAMA_EMBED.forward(call, a_deployment()) is call.raw


@pytest.mark.parametrize("values", [[1.0, 2.0], packed([1.0, 2.0])])
def test_a_reply_is_written_for_ollamas_clients(values: Any) -> None:
    def raw(dialect: Dialect, call: Call) -> Any:
        writer = dialect.writer(call, "1")
        reader = OPENAI_EMBEDDINGS.interpreter("Acme")
        bridge = Bridge("Acme", reader, None, writer, 7)
        data = [{"index": 1, "embedding": [3.0]}, {"index": 0, "embedding": values}]
        reply = orjson.dumps({"data": data, "usage": {"prompt_tokens": 4}})
        return orjson.loads(bridge.watch(reply) + bridge.close())

    assert raw(OLLAMA_EMBED, embed()) == {
        "model": "gpt",
        "embeddings": [[1.0, 2.0], [3.0]],
        "total_duration": 0,
        "load_duration": 0,
        "prompt_eval_count": 4,
    }
    assert raw(OLLAMA_EMBEDDINGS, older()) == {"embedding": [1.0, 2.0]}


def test_a_vector_that_is_none_is_the_providers_failure() -> None:
    writer = OLLAMA_EMBED.writer(embed(), "1")
    reader = OPENAI_EMBEDDINGS.interpreter("Acme")
    bridge = Bridge("Acme", reader, None, writer, 7)
    bridge.watch(b'{"data":[{"embedding":"?"}]}')
    with pytest.raises(UpstreamFailed):
        bridge.close()


def test_the_older_endpoint_takes_one_prompt() -> None:
    meaning = OLLAMA_EMBEDDINGS.parse(older())
    body = OLLAMA_EMBEDDINGS.render(meaning, a_deployment(), Losses("x", strict=True))
    assert body == {"model": "gpt", "prompt": "a"}
    reader = OLLAMA_EMBEDDINGS.interpreter("Ollama")
    vectors: list[Any] = [Vector(0, [1.0])]
    assert reader.document({"embedding": [1.0]}) == vectors
    with pytest.raises(Unsupported, match="several inputs"):
        OLLAMA_EMBEDDINGS.render(OLLAMA_EMBED.parse(embed()), a_deployment(), Losses("x"))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": []}, "input"),
        ({"input": [[1, 2]]}, "input"),
        ({"dimensions": "8"}, "dimensions"),
        ({"options": 5}, "options"),
    ],
)
def test_a_field_of_the_wrong_shape_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadCall) as found:
        OLLAMA_EMBED.parse(embed(**fields))
    assert found.value.param == param


def test_a_reply_passes_the_gauge_untouched() -> None:
    raw = b'{"embeddings":[[1.0]],"prompt_eval_count":5}'
    gauge = OLLAMA_EMBED.gauge(embed(), a_deployment())
    assert gauge.watch(raw) is raw
    assert gauge.usage == Usage(5)
    bare = OLLAMA_EMBEDDINGS.gauge(older(), a_deployment())
    bare.watch(b'{"embedding":[1.0]}')
    assert bare.usage == Usage(len(older().raw) // 4, estimated=True)


def test_errors_are_a_single_sentence() -> None:
    error = OLLAMA_EMBED.upstream_error(401, [], b'{"error":"unauthorized"}', a_deployment())
    assert isinstance(error, Denied)
    assert orjson.loads(OLLAMA_EMBED.error(error)) == {"error": error.message}
    assert OLLAMA_EMBED.error_events(error).endswith(b"}\n")
    assert isinstance(OLLAMA_EMBED.frames(Media.JSON), LineFrames)
