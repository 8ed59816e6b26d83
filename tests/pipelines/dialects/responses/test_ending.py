"""What a cut response had open is closed with all that was said of it."""

from __future__ import annotations

from typing import Any

from pipelines.dialects.frames import SseFrames
from pipelines.dialects.responses.ending import Ending
from pipelines.usage import Usage


def told(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **fields}


CREATED = told("created", sequence_number=0, response={"id": "resp_1", "status": "in_progress"})


def added(index: int, **item: Any) -> dict[str, Any]:
    return told("output_item.added", output_index=index, item={"status": "in_progress", **item})


def ended(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """The events that end a response which had told these."""
    raw = Ending([CREATED, *events]).incomplete(Usage(5, 2, estimated=True))
    return [value for _, value in SseFrames().feed(raw)]


def test_an_open_message_is_closed_with_its_words() -> None:
    place = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
    part = {"type": "output_text", "text": "", "annotations": []}
    events = ended(
        added(0, id="msg_1", type="message", content=[]),
        told("content_part.added", **place, part=part),
        told("output_text.delta", **place, delta="Hel"),
        told("output_text.delta", **place, delta="lo", sequence_number=8),
    )
    assert [one["type"].removeprefix("response.") for one in events] == [
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "incomplete",
    ]
    assert [one["sequence_number"] for one in events] == [9, 10, 11, 12]
    assert events[0]["text"] == "Hello"
    response = events[-1]["response"]
    assert (response["id"], response["status"]) == ("resp_1", "incomplete")
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"] == [events[2]["item"]]
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert response["usage"]["output_tokens"] == 2


def test_an_open_call_is_closed_and_what_was_done_stays_as_it_was() -> None:
    done = {"id": "fc_1", "type": "function_call", "status": "completed", "arguments": "{}"}
    events = ended(
        added(0, id="fc_1", type="function_call", arguments=""),
        told("output_item.done", output_index=0, item=done),
        added(1, id="fc_2", type="function_call", name="f", arguments=""),
        told("function_call_arguments.delta", output_index=1, item_id="fc_2", delta='{"a'),
    )
    assert events[0] == {
        "type": "response.function_call_arguments.done",
        "sequence_number": 1,
        "item_id": "fc_2",
        "output_index": 1,
        "name": "f",
        "arguments": '{"a',
    }
    assert [one["status"] for one in events[-1]["response"]["output"]] == [
        "completed",
        "incomplete",
    ]


def test_thoughts_refusals_and_odd_events_are_no_hindrance() -> None:
    events = ended(
        added(0, id="rs_1", type="reasoning", summary=[]),
        told("reasoning_summary_text.delta", output_index=0, summary_index=0, delta="Hm"),
        added(1, id="msg_1", type="message", content=[]),
        told(
            "content_part.added",
            output_index=1,
            content_index=0,
            part={"type": "refusal", "refusal": ""},
        ),
        told("refusal.delta", output_index=1, content_index=0, delta="No"),
        added(2, id="ctc_1", type="custom_tool_call", input=""),
        told("custom_tool_call_input.delta", output_index=2, delta="ls"),
        told("web_search_call.searching", output_index=7),
        told("output_text.delta", output_index=1, content_index=0, delta=None),
    )
    output = events[-1]["response"]["output"]
    assert output[0]["summary"] == [{"text": "Hm"}]
    assert output[1]["content"] == [{"type": "refusal", "refusal": "No"}]
    assert output[2]["input"] == "ls"
    assert len(output) == 3


def test_a_response_that_had_told_nothing_ends_all_the_same() -> None:
    (last,) = ended()
    assert last["type"] == "response.incomplete"
    assert last["response"]["output"] == []
