from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import sys
import threading
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import LeaseLost
from runlore.execute import logs
from runlore.execute.logs import LogCapture, terminal
from runlore.execute.ticker import Ticker
from runlore.model.log import format_line, parse_log


class Clock:
    """Time that moves when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000_000

    def __call__(self) -> int:
        return self.now


class Chunks:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, str]] = []

    def __call__(self, part: int, text: str) -> None:
        self.parts.append((part, text))

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.parts)

    @property
    def lines(self) -> list[tuple[str, str]]:
        return [(line.stream, line.text) for line in parse_log(self.text)]


@pytest.fixture
def chunks() -> Chunks:
    return Chunks()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    made = logging.getLogger("test_logs.made")
    made.setLevel(logging.INFO)
    yield made
    made.handlers.clear()
    made.propagate = True


def test_printed_lines_reach_terminal_and_log(chunks: Chunks, capsys: pytest.CaptureFixture[str]) -> None:
    """What a step prints is on the terminal as before, and in the log by stream and in order."""
    with LogCapture(chunks, limit=10_000):
        print("a", 0)
        print("careful", file=sys.stderr)
        print("b\nc")

    assert chunks.lines == [("stdout", "a 0"), ("stderr", "careful"), ("stdout", "b"), ("stdout", "c")]
    assert capsys.readouterr() == ("a 0\nb\nc\n", "careful\n")


def test_times_are_those_of_the_line_s_beginning(chunks: Chunks, clock: Clock) -> None:
    """A line carries the time at which its first piece was written, to the microsecond."""
    began = clock.now
    with LogCapture(chunks, limit=10_000, clock=clock):
        sys.stdout.write("half")
        clock.now += 5_000
        sys.stdout.write(" whole\n")

    (line,) = parse_log(chunks.text)
    assert line.time.timestamp() * 1e6 == pytest.approx(began // 1000)
    assert line.time.utcoffset() is not None
    assert line.text == "half whole"


def test_nothing_printed_nothing_stored(chunks: Chunks) -> None:
    """A silent step hands nothing to the sink."""
    with LogCapture(chunks, limit=10_000):
        pass

    assert chunks.parts == []


def test_unfinished_line_is_kept(chunks: Chunks) -> None:
    """Text without a final line break is stored when the step ends."""
    with LogCapture(chunks, limit=10_000):
        sys.stdout.write("no end")

    assert chunks.lines == [("stdout", "no end")]


def test_full_chunk_is_handed_over_while_running(chunks: Chunks) -> None:
    """More than 16 KiB are handed over while the step still runs, and parts count from 0."""
    with LogCapture(chunks, limit=1_000_000):
        for _ in range(3):
            print("x" * 17_000)
        assert [part for part, _ in chunks.parts] == [0, 1, 2]


def test_old_chunk_is_handed_over_by_the_next_write(chunks: Chunks, clock: Clock) -> None:
    """A chunk of at least one second is handed over when something is written."""
    with LogCapture(chunks, limit=10_000, clock=clock):
        print("one")
        assert chunks.parts == []
        clock.now += 1_000_000_000
        sys.stdout.write("two\n")
        assert chunks.lines == [("stdout", "one"), ("stdout", "two")]


def test_limit_keeps_head_and_tail(chunks: Chunks, clock: Clock) -> None:
    """Beyond the limit the middle is left out, and one line in its place tells how much that was."""
    with LogCapture(chunks, limit=400, clock=clock) as capture:
        for number in range(100):
            clock.now += 1_000_000
            print(f"line {number:03}")

    kept = [text for stream, text in chunks.lines if stream == "stdout"]
    gap = next(index for index, (stream, _) in enumerate(chunks.lines) if stream == "logging")
    numbers = [int(text.removeprefix("line ")) for text in kept]
    assert 3 < gap < len(kept) and len(chunks.lines) == len(kept) + 1
    assert numbers[:gap] == list(range(gap)) and numbers[gap:] == list(range(100 - len(kept) + gap, 100))
    assert capture.dropped_lines == 100 - len(kept)
    assert sum(len(format_line(10**15, "o", text)) for text in kept) <= 400
    said = chunks.lines[gap][1]
    assert f"{capture.dropped_lines} lines ({capture.dropped_bytes} bytes) left out here" in said and "400" in said
    times = [line.time for line in parse_log(chunks.text)]
    assert times == sorted(times)


def test_the_head_is_streamed_and_the_tail_waits(chunks: Chunks, clock: Clock) -> None:
    """While a step runs, the head of its log is handed over as ever; what may turn out to be the middle is not."""
    with LogCapture(chunks, limit=400, clock=clock):
        for number in range(100):
            clock.now += 2_000_000_000
            print(f"line {number:03}")
        streamed = [text for _, text in chunks.lines]
        assert streamed == [f"line {number:03}" for number in range(len(streamed))] and streamed

    assert chunks.lines[-1] == ("stdout", "line 099")


def test_a_log_at_its_limit_is_whole(chunks: Chunks) -> None:
    """A log that fits the limit is kept whole and in order, with no line about anything left out."""
    size = len(format_line(10**15, "o", "line 00")) * 40
    with LogCapture(chunks, limit=size) as capture:
        for number in range(40):
            print(f"line {number:02}")

    assert capture.dropped_lines == 0
    assert [text for _, text in chunks.lines] == [f"line {number:02}" for number in range(40)]


@pytest.mark.parametrize("limit", [0, 1, 60])
def test_a_line_longer_than_the_tail_is_left_out(chunks: Chunks, limit: int) -> None:
    """What does not fit at all is counted; the log then holds the line that says so."""
    with LogCapture(chunks, limit=limit) as capture:
        print("x" * 500)

    assert capture.dropped_lines == 1
    assert [stream for stream, _ in chunks.lines] == ["logging"] and "1 line (" in chunks.lines[0][1]


def test_the_tail_is_bounded(chunks: Chunks, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the limit, no more than the tail's size is held in memory."""
    monkeypatch.setattr(logs, "TAIL_SIZE", 100)
    with LogCapture(chunks, limit=10_000) as capture:
        for number in range(1_000):
            print(f"line {number:03}")
        assert capture._tail_size <= 100 and sum(size for _, _, size in capture._tail) == capture._tail_size

    assert len(chunks.text) <= 10_000 + 300


def test_logging_is_kept_whatever_the_logger_is_like(chunks: Chunks, logger: logging.Logger) -> None:
    """Records of loggers that do not propagate are kept; those below the level in force are not made at all."""
    logger.propagate = False
    with LogCapture(chunks, limit=10_000):
        logger.info("lr is %s", 0.1)
        logger.debug("invisible")

    assert chunks.lines == [("logging", "INFO test_logs.made: lr is 0.1")]


def test_handler_on_stderr_does_not_store_twice(
    chunks: Chunks, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record that a handler prints to stderr is on the terminal once and in the log once."""
    logger.propagate = False
    with LogCapture(chunks, limit=10_000):
        logger.addHandler(logging.StreamHandler(sys.stderr))
        logger.info("hello")
        print("after", file=sys.stderr)

    assert chunks.lines == [("logging", "INFO test_logs.made: hello"), ("stderr", "after")]
    assert capsys.readouterr().err == "hello\nafter\n"


def test_exception_record_is_one_line(chunks: Chunks, logger: logging.Logger) -> None:
    """A record with a traceback is one stored line that reads back with its line breaks."""
    with LogCapture(chunks, limit=10_000):
        try:
            raise ValueError("odd")
        except ValueError:
            logger.exception("failed")

    assert chunks.text.count("\n") == 1
    ((_, text),) = chunks.lines
    assert text.startswith("ERROR test_logs.made: failed\nTraceback")
    assert text.endswith("ValueError: odd")


def test_root_logger_is_left_alone(chunks: Chunks) -> None:
    """No handler is added to the root logger: basicConfig() and the last-resort handler keep working."""
    before = list(logging.getLogger().handlers)
    with LogCapture(chunks, limit=10_000):
        assert logging.getLogger().handlers == before


def test_record_with_wrong_arguments_is_kept(
    chunks: Chunks, logger: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that cannot be formatted is kept as it is, and nothing is raised into the step."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())
    with LogCapture(chunks, limit=10_000):
        logger.info("%d", "seven")

    assert chunks.lines == [("logging", "INFO test_logs.made: %d ('seven',)")]


def test_threads_belong_to_the_only_step(chunks: Chunks) -> None:
    """While one step runs, output of threads that it started is its own, and lines are not torn."""
    with LogCapture(chunks, limit=1_000_000):
        threads = [threading.Thread(target=lambda n=n: [print("t", n) for _ in range(50)]) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(chunks.lines) == sorted(("stdout", f"t {n}") for n in range(4) for _ in range(50))


def test_steps_side_by_side_keep_their_own() -> None:
    """Between captures that are active in several threads, each gets what its own thread prints."""
    sinks = [Chunks(), Chunks()]
    barrier = threading.Barrier(2)

    def work(number: int) -> None:
        with LogCapture(sinks[number], limit=10_000):
            barrier.wait(10)
            print("from", number)
            barrier.wait(10)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [sink.lines for sink in sinks] == [[("stdout", "from 0")], [("stdout", "from 1")]]


def test_nested_capture_takes_over_and_gives_back() -> None:
    """Output belongs to the innermost step; when that ends, to the outer one again."""
    outer, inner = Chunks(), Chunks()
    with LogCapture(outer, limit=10_000):
        print("before")
        with LogCapture(inner, limit=10_000):
            print("within")
        print("after")

    assert outer.lines == [("stdout", "before"), ("stdout", "after")]
    assert inner.lines == [("stdout", "within")]


def test_streams_are_put_back(chunks: Chunks) -> None:
    """After the last capture the streams are the very objects that were there before."""
    before = sys.stdout, sys.stderr
    with LogCapture(chunks, limit=10_000):
        assert sys.stdout is not before[0]
        assert terminal("stdout") is before[0]

    assert (sys.stdout, sys.stderr) == before


def test_missing_streams(chunks: Chunks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no terminal at all (sys.stdout is None), output is still kept and None comes back."""
    monkeypatch.setattr(sys, "stdout", None)
    with LogCapture(chunks, limit=10_000):
        print("kept", flush=True)
        stream: Any = sys.stdout
        assert not stream.isatty()
        with pytest.raises(TypeError):
            stream.write(b"bytes")

    assert sys.stdout is None
    assert chunks.lines == [("stdout", "kept")]


def test_user_s_replacement_survives(chunks: Chunks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that the step put in place stays, and wrapping it again does not store a line twice."""

    class Wrapper(io.TextIOBase):
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def write(self, text: str) -> int:
            return int(self.inner.write(text.upper()))

    monkeypatch.setattr(sys, "stdout", sys.stdout)
    with LogCapture(chunks, limit=10_000):
        wrapper = Wrapper(sys.stdout)
        sys.stdout = wrapper
    assert sys.stdout is wrapper

    later = Chunks()
    with LogCapture(later, limit=10_000):
        print("once")

    assert later.lines == [("stdout", "once")]
    assert sys.stdout is wrapper


def test_redirected_output_is_the_user_s(chunks: Chunks) -> None:
    """What a step redirects into a buffer of its own goes there only."""
    with LogCapture(chunks, limit=10_000):
        with contextlib.redirect_stdout(io.StringIO()) as target:
            print("mine")
        print("seen")

    assert target.getvalue() == "mine\n"
    assert chunks.lines == [("stdout", "seen")]


def test_bytes_written_below_the_stream(chunks: Chunks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes written to sys.stdout.buffer are kept, those that are no UTF-8 included."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    with LogCapture(chunks, limit=10_000):
        sys.stdout.buffer.write(b"caf\xe9\n")

    assert raw.getvalue() == b"caf\xe9\n"
    ((_, text),) = chunks.lines
    assert text.encode("utf-8", "surrogateescape") == b"caf\xe9"
    chunks.text.encode("utf-8")


def test_progress_bar_keeps_its_last_state(chunks: Chunks) -> None:
    """A line that paints over itself with carriage returns is stored as it last looked."""
    with LogCapture(chunks, limit=10_000):
        for percent in range(0, 101, 10):
            sys.stderr.write(f"\r{percent}%")
        sys.stderr.write("\n")
        sys.stdout.write("dos\r\n")

    assert chunks.lines == [("stderr", "100%"), ("stdout", "dos")]


def test_failing_sink_does_not_disturb_the_step(clock: Clock) -> None:
    """If the record cannot take a chunk, print() goes on, the chunk is tried again, and the error can be looked up."""
    taken = Chunks()
    fail = True

    def sink(part: int, text: str) -> None:
        print("the sink's own words")
        if fail:
            raise OSError("full")
        taken(part, text)

    with LogCapture(sink, limit=1_000_000, clock=clock) as capture:
        print("x" * 20_000)
        assert isinstance(capture.failure, OSError)
        fail = False
        clock.now += 1_000_000_000
        print("y")
        assert capture.failure is None

    assert taken.lines == [("stdout", "x" * 20_000), ("stdout", "y")]
    assert [part for part, _ in taken.parts] == [0, 1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_stores_nothing(chunks: Chunks) -> None:
    """A forked child never calls the sink, so that what the parent buffered is not stored twice."""
    with LogCapture(chunks, limit=10_000) as capture:
        print("parent")
        child = os.fork()
        if child == 0:
            capture.write("o", "child\n")
            capture.__exit__(None, None, None)
            os._exit(len(chunks.parts) + len(logs._active))
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert chunks.lines == [("stdout", "parent")]


def test_captured_stream_travels_as_the_stream(chunks: Chunks) -> None:
    """A function that mentions sys.stdout can be stored while captured, and means sys.stdout when it comes back."""
    with LogCapture(chunks, limit=10_000):
        data = cloudpickle.dumps(sys.stdout)

    assert pickle.loads(data) is sys.stdout


@given(st.lists(st.text("ab\n é", max_size=8), max_size=20))
def test_lines_do_not_depend_on_how_they_are_written(pieces: list[str]) -> None:
    """However text is cut into writes, the log has its lines."""
    chunks = Chunks()
    with LogCapture(chunks, limit=100_000) as capture:
        for piece in pieces:
            if piece:
                capture.write("o", piece)

    whole = "".join(pieces)
    expected = whole.removesuffix("\n").split("\n") if whole else []
    assert [text for _, text in chunks.lines] == expected


@given(st.integers(0, 2**52), st.sampled_from("oel"), st.text(st.characters(), max_size=50))
def test_stored_lines_read_back_exactly(microseconds: int, letter: str, text: str) -> None:
    """Any text, control characters and lone surrogates included, is one storable line that reads back the same."""
    stored = format_line(microseconds, letter, text)

    assert len(stored.splitlines()) == 1
    stored.encode("utf-8")
    (line,) = parse_log(stored)
    assert line.text == text
    assert line.stream[0] == {"o": "s", "e": "s", "l": "l"}[letter]


def test_foreign_text_is_no_log() -> None:
    """Text in another form is refused with the form that was expected."""
    with pytest.raises(ValueError, match="Not a stored log line"):
        list(parse_log("hello world\n"))


class LateTicker(Ticker):
    """Keeps what it is given, to be called when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[float, Any]] = []

    def after(self, seconds: float, action: Any) -> bool:
        self.waiting.append((seconds, action))
        return True

    def tick(self) -> None:
        waiting, self.waiting = self.waiting, []
        for _, action in waiting:
            action()


def test_lines_are_stored_while_the_step_is_silent(chunks: Chunks, capsys: pytest.CaptureFixture[str]) -> None:
    """What was printed is handed over after a second although nothing is printed since, the last half line excepted."""
    ticker = LateTicker()
    with LogCapture(chunks, limit=10_000, ticker=ticker):
        print("one")
        print("two")
        print("half", end="")
        assert chunks.lines == [] and [seconds for seconds, _ in ticker.waiting] == [1.0]
        ticker.tick()
        assert chunks.lines == [("stdout", "one"), ("stdout", "two")]
        print(" and the rest")
        assert len(ticker.waiting) == 1

    ticker.tick()  # comes when all is over
    assert chunks.lines[2:] == [("stdout", "half and the rest")]


def test_lines_that_the_record_refused_are_tried_again_in_time(
    chunks: Chunks, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines that could not be stored when their second was over are tried again a second later."""
    ticker, full = LateTicker(), [True]

    def sink(part: int, text: str) -> None:
        if full[0]:
            raise OSError("disk full")
        chunks(part, text)

    with LogCapture(sink, limit=10_000, ticker=ticker):
        print("kept")
        ticker.tick()
        full[0] = False
        ticker.tick()
        assert chunks.lines == [("stdout", "kept")]


def test_lines_of_a_run_that_is_over_are_not_tried_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    """When the run belongs to another process by now, its lines are kept for the end and not tried each second."""
    ticker = LateTicker()

    def sink(part: int, text: str) -> None:
        raise LeaseLost("taken over")

    with LogCapture(sink, limit=10_000, ticker=ticker) as capture:
        print("late")
        ticker.tick()
        assert ticker.waiting == [] and isinstance(capture.failure, LeaseLost)
