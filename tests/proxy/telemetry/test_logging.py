"""Every call is one line, for machines or for a person, and nobody can write a second one."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
import structlog

from pipelines.record import AttemptRecord, Record
from pipelines.usage import Usage
from proxy.telemetry.lines import LineWriter
from proxy.telemetry.logging import (
    CALL,
    ForeignLines,
    LogJournal,
    configure,
    details,
    fields,
    get_logger,
    set_level,
)

HOSTILE = "gpt\n2026-01-01 [error] forged\r\x1b[31mred\x00\x7f\x9b\u2028end"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def set_up() -> Iterator[Callable[..., io.StringIO]]:
    """Configures logging for one test: `set_up(form, level)` gives what is written."""
    before = structlog.get_config()
    writers: list[LineWriter] = []

    def configured(form: str = "json", level: str = "info", tty: bool = False) -> io.StringIO:
        out = Terminal() if tty else io.StringIO()
        writers.append(configure(level, form, out))
        return out

    yield configured
    for writer in writers:
        writer.flush()
    structlog.configure(**before)
    logging.getLogger("headgate").setLevel(logging.NOTSET)
    root = logging.getLogger()
    for one in [one for one in root.handlers if isinstance(one, ForeignLines)]:
        root.removeHandler(one)


SetUp = Callable[..., io.StringIO]


def a_record(**more: Any) -> Record:
    given: dict[str, Any] = {
        "id": "call-1",
        "operation": "chat",
        "outcome": "ok",
        "status": 200,
        "duration": 1.23456,
        "key": "team-a",
        "model": "gpt",
        "deployment": "d1",
        "provider": "acme",
        "upstream_model": "gpt-4o",
        "streaming": True,
        "usage": Usage(prompt_tokens=9, completion_tokens=12),
        "cost": 1_500_000,
        "first_byte": 0.0504,
        "attempts": (AttemptRecord("d1", 1.2),),
    }
    return Record(**(given | more))


def test_a_line_has_all_that_is_known_of_a_call() -> None:
    assert fields(a_record()) == {
        "id": "call-1",
        "outcome": "ok",
        "status": 200,
        "operation": "chat",
        "key": "team-a",
        "model": "gpt",
        "deployment": "d1",
        "provider": "acme",
        "upstream_model": "gpt-4o",
        "stream": True,
        "prompt_tokens": 9,
        "completion_tokens": 12,
        "cost_usd": 0.0015,
        "first_byte_ms": 50.4,
        "duration_ms": 1234.6,
        "attempts": 1,
    }


def test_what_is_not_known_is_null() -> None:
    line = fields(Record("call-1", "chat", "refused", 401, 0.001))
    for name in ("key", "model", "deployment", "provider", "cost_usd", "first_byte_ms"):
        assert line[name] is None
    assert line["attempts"] == 0


def test_what_went_wrong_is_named() -> None:
    attempts = (AttemptRecord("d1", 0.1, "acme is busy."), AttemptRecord("d2", 0.2))
    line = fields(a_record(attempts=attempts, fallbacks=1, error="acme broke off."))
    assert line["failed_attempts"] == ["d1: acme is busy."]
    assert line["attempts"] == 2
    assert line["fallbacks"] == 1
    assert line["error"] == "acme broke off."


def test_an_estimate_is_marked() -> None:
    assert fields(a_record(usage=Usage(5, 5, estimated=True)))["usage_estimated"] is True
    assert "usage_estimated" not in fields(a_record())


def test_a_name_of_any_length_does_not_make_a_line_of_any_length() -> None:
    long = "x" * 1_000_000
    assert len(str(fields(a_record(model=long, error=long)))) < 3_000


def test_a_call_is_one_line_of_json(set_up: SetUp) -> None:
    out = set_up()
    LogJournal().put(a_record())
    [line] = out.getvalue().splitlines()
    value = orjson.loads(line)
    assert value["event"] == "call"
    assert value["level"] == "info"
    assert value["module"] == "call"
    assert datetime.fromisoformat(value["timestamp"]).utcoffset() == timedelta(0)
    assert fields(a_record()).items() <= value.items()


@pytest.mark.parametrize("outcome", ["refused", "failed", "broken", "client_gone", "shutdown"])
def test_what_did_not_go_well_is_a_warning(outcome: str, set_up: SetUp) -> None:
    out = set_up(level="warning")
    LogJournal().put(a_record())
    LogJournal().put(a_record(outcome=outcome))
    [line] = out.getvalue().splitlines()
    assert orjson.loads(line)["level"] == "warning"


def test_a_name_cannot_write_a_second_line_of_json(set_up: SetUp) -> None:
    out = set_up()
    LogJournal().put(a_record(model=HOSTILE))
    assert out.getvalue().count("\n") == 1
    assert orjson.loads(out.getvalue())["model"] == HOSTILE
    assert not set(out.getvalue()) & {"\x1b", "\r", "\x00", "\x7f", "\x9b", "\u2028"}


@pytest.mark.parametrize("name", [HOSTILE, "gpt\x1b[31mred\x9bforged", "\x1b]0;forged\x07"])
@pytest.mark.parametrize("tty", [False, True])
@pytest.mark.parametrize("field", ["model", "key", "error", "id"])
def test_a_name_cannot_write_to_the_terminal(
    field: str, tty: bool, name: str, set_up: SetUp
) -> None:
    out = set_up("pretty", tty=tty)
    LogJournal().put(a_record(**{field: name}))
    text = out.getvalue()
    assert text.count("\n") == 1
    assert not set(text) & {"\r", "\x00", "\x07", "\x7f", "\x9b", "\u2028"}
    assert "\x1b[31mred" not in text
    assert "\x1b]" not in text
    assert "forged" in text


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_nothing_that_a_record_holds_raises(form: str, set_up: SetUp) -> None:
    out = set_up(form)
    LogJournal().put(a_record(model="\ud800", usage=Usage(2**70, 1), cost=10**40))
    assert out.getvalue().count("\n") == 1


def test_a_person_reads_the_fields_by_name(set_up: SetUp) -> None:
    out = set_up("pretty")
    LogJournal().put(a_record())
    assert "model=gpt" in out.getvalue()
    assert "outcome=ok" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_terminal_gets_colours_and_anything_else_gets_json(set_up: SetUp) -> None:
    terminal = set_up("auto", tty=True)
    LogJournal().put(a_record())
    assert "\x1b[" in terminal.getvalue()
    file = set_up("auto")
    LogJournal().put(a_record())
    assert orjson.loads(file.getvalue())["event"] == "call"


@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("INFO", 3), ("warning", 2), ("error", 1)]
)
def test_less_than_the_level_is_not_written(level: str, count: int, set_up: SetUp) -> None:
    out = set_up(level=level)
    logger = get_logger("m")
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("event")
    assert len(out.getvalue().splitlines()) == count


def _fail(prompt: str) -> None:
    raise ZeroDivisionError("in the house")


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_a_traceback_is_logged_without_the_values_of_variables(form: str, set_up: SetUp) -> None:
    out = set_up(form)
    try:
        _fail(prompt="a secret " + "prompt")
    except ZeroDivisionError:
        get_logger("m").exception("unexpected error", id="call-1")
    assert "ZeroDivisionError: in the house" in out.getvalue()
    assert "_fail" in out.getvalue()
    assert "a secret prompt" not in out.getvalue()


def test_a_traceback_is_one_line_of_json(set_up: SetUp) -> None:
    out = set_up()
    try:
        _fail("x")
    except ZeroDivisionError as error:
        get_logger("m").error("died", exc_info=error)
    [line] = out.getvalue().splitlines()
    assert "Traceback" in orjson.loads(line)["exception"]
    assert "exc_info" not in orjson.loads(line)


def test_a_logger_names_its_module(set_up: SetUp) -> None:
    out = set_up()
    get_logger("proxy.app").info("started", port=4000)
    value = orjson.loads(out.getvalue())
    assert (value["module"], value["event"], value["port"]) == ("proxy.app", "started", 4000)


def test_a_line_in_the_course_of_a_call_names_it(set_up: SetUp) -> None:
    for form in ("json", "pretty"):
        out = set_up(form)
        token = CALL.set("call-7")
        get_logger("m").warning("odd")
        get_logger("m").warning("odd", id="other")
        CALL.reset(token)
        get_logger("m").warning("odd")
        first, second, third = out.getvalue().splitlines()
        assert "call-7" in first
        assert "other" in second
        assert "call-7" not in second + third


def test_the_level_can_be_changed_while_it_runs(set_up: SetUp) -> None:
    out = set_up(level="error")
    journal, logger = LogJournal(), get_logger("m")
    for level in ("error", "debug", "critical"):
        set_level(level)
        journal.put(a_record())
        journal.put(a_record(outcome="failed"))
        logger.debug("detail")
    lines = [orjson.loads(line) for line in out.getvalue().splitlines()]
    assert [one["level"] for one in lines] == ["info", "warning", "debug"]


def test_a_call_has_more_to_tell_while_somebody_looks_for_a_fault(set_up: SetUp) -> None:
    tries = (AttemptRecord("d1", 0.5, "busy", began=0.25, error_class="Overloaded"),)
    record = a_record(session_id="s", sent_bytes=5, overhead=0.002, attempts=tries, prompt="words")
    assert details(record) == {
        "session": "s",
        "sent_bytes": 5,
        "received_bytes": 0,
        "overhead_ms": 2.0,
        "cost_source": "unknown",
        "tries": ["first d1 at 0.250 s for 0.500 s Overloaded"],
    }
    out = set_up(level="debug")
    LogJournal().put(record)
    assert details(record).items() <= orjson.loads(out.getvalue()).items()
    assert "words" not in out.getvalue()


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_lines_of_libraries_are_lines_of_ours_once_each(form: str, set_up: SetUp) -> None:
    set_up(form)
    out = set_up(form)
    logger = logging.getLogger("library")
    logger.warning("%s said\n\x1b[31m{x} to sk-acme-0123456789abcdef", "it")
    logger.info("quiet")
    text = out.getvalue()
    assert text.count("\n") == 1
    assert "it said" in text
    assert not {"\x1b[31m", "sk-acme-0123456789abcdef", "quiet"} & set(text.split())
    assert "\x1b" not in text


def test_a_librarys_error_comes_with_its_traceback(set_up: SetUp) -> None:
    out = set_up()
    try:
        _fail("x")
    except ZeroDivisionError:
        logging.getLogger("library").exception("it died")
    value = orjson.loads(out.getvalue())
    assert (value["level"], value["module"], value["event"]) == ("error", "library", "it died")
    assert "_fail" in value["exception"]


def test_the_words_of_an_error_that_repeats_a_prompt_are_not_logged(set_up: SetUp) -> None:
    words = "a " + "prompt"
    for form in ("json", "pretty"):
        out = set_up(form)
        try:
            int(words)
        except ValueError:
            get_logger("m").exception("unexpected error")
        assert words not in out.getvalue()
        assert "ValueError" in out.getvalue()
