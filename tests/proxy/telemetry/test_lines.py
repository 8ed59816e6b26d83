"""Log lines leave in time, together where many come, and at once where no loop runs."""

from __future__ import annotations

import asyncio
import io
import threading
import time

import pytest

from proxy.telemetry.lines import DELAY, LONGEST, LineWriter


class Out(io.StringIO):
    """A stream that counts how often it was written to and flushed."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.flushes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)

    def flush(self) -> None:
        self.flushes += 1
        super().flush()


class Broken(io.StringIO):
    """A stream whose other end is gone."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        raise self._error


def test_outside_of_a_loop_a_line_leaves_at_once() -> None:
    out = Out()
    writer = LineWriter(out)
    writer.write("one")
    assert out.getvalue() == "one\n"
    writer.write("two")
    assert out.getvalue() == "one\ntwo\n"
    assert out.flushes == 2


async def test_in_a_loop_lines_are_collected_and_leave_together_in_time() -> None:
    out = Out()
    writer = LineWriter(out)
    for number in range(100):
        writer.write(str(number))
    assert out.getvalue() == ""
    await asyncio.sleep(DELAY * 3)
    assert out.getvalue().splitlines() == [str(number) for number in range(100)]
    assert (out.writes, out.flushes) == (1, 1)


async def test_a_line_leaves_within_a_tenth_of_a_second() -> None:
    out = Out()
    LineWriter(out).write("line")
    before = time.monotonic()
    while not out.getvalue():
        await asyncio.sleep(0.005)
        assert time.monotonic() - before < 0.1 * 3


async def test_a_steady_stream_of_lines_does_not_put_the_first_one_off() -> None:
    out = Out()
    writer = LineWriter(out)
    until = time.monotonic() + DELAY * 3
    while time.monotonic() < until:
        writer.write("line")
        await asyncio.sleep(0.005)
    assert out.getvalue()
    writer.flush()


async def test_the_next_line_after_a_flush_leaves_in_time_too() -> None:
    out = Out()
    writer = LineWriter(out)
    for number in range(3):
        writer.write(str(number))
        await asyncio.sleep(DELAY * 2)
        assert out.getvalue().splitlines()[-1] == str(number)


async def test_what_grows_too_large_does_not_wait() -> None:
    out = Out()
    writer = LineWriter(out)
    for _ in range(70):
        writer.write("x" * 1024)
    assert len(out.getvalue()) > LONGEST
    writer.flush()
    assert len(out.getvalue()) == 70 * 1025


async def test_a_flush_writes_what_there_is_and_stops_the_timer() -> None:
    out = Out()
    writer = LineWriter(out)
    writer.write("line")
    writer.flush()
    assert out.getvalue() == "line\n"
    await asyncio.sleep(DELAY * 2)
    assert out.writes == 1


def test_a_flush_of_nothing_writes_nothing() -> None:
    out = Out()
    LineWriter(out).flush()
    assert out.writes == 0


def test_lines_of_a_loop_that_ended_leave_with_the_next_line() -> None:
    out = Out()
    writer = LineWriter(out)

    async def log() -> None:
        writer.write("from the loop")

    asyncio.run(log())
    writer.write("after it")
    assert out.getvalue() == "from the loop\nafter it\n"


def test_lines_of_a_second_loop_leave_in_time() -> None:
    out = Out()
    writer = LineWriter(out)

    async def log(line: str, wait: float) -> None:
        writer.write(line)
        await asyncio.sleep(wait)

    asyncio.run(log("first", 0))
    asyncio.run(log("second", DELAY * 3))
    assert out.getvalue() == "first\nsecond\n"


async def test_a_line_of_another_thread_leaves_with_those_of_the_loop() -> None:
    out = Out()
    writer = LineWriter(out)
    writer.write("here")
    thread = threading.Thread(target=writer.write, args=("there",))
    thread.start()
    thread.join()
    await asyncio.sleep(DELAY * 3)
    assert out.getvalue() == "here\nthere\n"


async def test_a_line_of_another_thread_leaves_at_once_where_none_waits() -> None:
    out = Out()
    writer = LineWriter(out)
    thread = threading.Thread(target=writer.write, args=("there",))
    thread.start()
    thread.join()
    assert out.getvalue() == "there\n"


def test_lines_before_and_after_a_pause_of_the_loop_all_leave() -> None:
    out = Out()
    writer = LineWriter(out)

    async def log(line: str, wait: float) -> None:
        writer.write(line)
        await asyncio.sleep(wait)

    with asyncio.Runner() as runner:
        runner.run(log("one", 0))
        writer.write("between")
        assert out.getvalue() == "one\nbetween\n"
        runner.run(log("two", DELAY * 3))
    assert out.getvalue() == "one\nbetween\ntwo\n"


@pytest.mark.parametrize(
    "error", [BrokenPipeError("gone"), OSError(28, "No space left"), ValueError("closed file")]
)
def test_a_stream_that_is_gone_harms_nobody(error: Exception) -> None:
    writer = LineWriter(Broken(error))
    writer.write("line")
    writer.flush()


def test_every_method_of_a_logger_writes() -> None:
    out = Out()
    writer = LineWriter(out)
    for name in ("msg", "debug", "info", "warning", "warn", "error", "critical", "exception"):
        getattr(writer, name)(name)
    assert out.getvalue().splitlines()[-1] == "exception"
