"""Dynamic batches: who is computed with whom, who waits for whom, and what becomes of those that fail."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import pytest

from imagineai_vision.placements.batcher import Batcher
from imagineai_vision.placements.placement import NobodyWaits

LONG_S = 60
"""Longer than any test: whoever waits so long waits for an event."""


class Board:
    """A device that holds pictures of one number, yields that number, and can be held up."""

    device = "cpu"
    batches = (1, 2, 4)

    def __init__(self, rows=12):
        self.rows = rows
        self.held = np.zeros(rows, int)
        self.passes = []
        self.fails_at = set()
        self.began = threading.Semaphore(0)
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def put(self, row, rgb):
        self.held[row] = rgb.item()

    def run(self, rows):
        numbers = [int(self.held[row]) for row in rows]
        self.passes.append(numbers)
        self.began.release()
        assert self.may_go_on.wait(LONG_S)
        if self.fails_at & set(numbers):
            raise ValueError(f"no good: {numbers}")
        return {"number": np.array(numbers, np.float32)[:, None]}


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def batcher(board):
    batcher = Batcher(board, patience_s=LONG_S)
    yield batcher
    board.may_go_on.set()
    batcher.close()


@pytest.fixture
def callers():
    with ThreadPoolExecutor(16) as pool:
        yield pool


def picture(number):
    return np.array([number])


def ask(batcher, number, given_up=lambda: False):
    with batcher.expected(given_up) as compute:
        return compute(picture(number))["number"].item()


def until(batcher, condition):
    """Wait for a condition on the batcher, which tells of each of its changes."""
    with batcher._changed:
        assert batcher._changed.wait_for(condition, LONG_S)


@contextmanager
def at_work(batcher, board, callers, number=0):
    """Hold the device up with one picture; what is handed in meanwhile queues."""
    board.may_go_on.clear()
    first = callers.submit(ask, batcher, number)
    assert board.began.acquire(timeout=LONG_S)
    yield first
    board.may_go_on.set()


def queued(batcher, callers, numbers, **how):
    """Hand pictures in one after the other."""
    answers = []
    for number in numbers:
        before = len(batcher._queue)
        answers.append(callers.submit(ask, batcher, number, **how))
        until(batcher, lambda before=before: len(batcher._queue) > before)
    return answers


def test_a_picture_alone_is_computed_alone_and_at_once(batcher, board):
    assert ask(batcher, 7) == 7
    assert board.passes == [[7]]


def test_what_queued_while_the_device_was_at_work_is_taken_together_in_its_order(batcher, board, callers):
    with at_work(batcher, board, callers):
        answers = queued(batcher, callers, [3, 1, 2, 4])
    assert [answer.result() for answer in answers] == [3, 1, 2, 4]
    assert board.passes == [[0], [3, 1, 2, 4]]


def test_a_batch_is_filled_up_to_the_next_size_and_each_caller_gets_its_own_row(batcher, board, callers):
    with at_work(batcher, board, callers):
        answers = queued(batcher, callers, [5, 6, 8])
    assert [answer.result() for answer in answers] == [5, 6, 8]
    assert board.passes[1] == [5, 6, 8, 5]


def test_what_the_largest_batch_has_no_room_for_comes_next(batcher, board, callers):
    with at_work(batcher, board, callers):
        answers = queued(batcher, callers, range(1, 8))
    assert [answer.result() for answer in answers] == list(range(1, 8))
    assert board.passes[1:] == [[1, 2, 3, 4], [5, 6, 7, 5]]


def test_an_idle_device_waits_for_a_picture_that_is_being_decoded(batcher, board, callers):
    with batcher.expected() as compute:
        (first,) = queued(batcher, callers, [1])
        assert compute(picture(2))["number"].item() == 2
    assert first.result() == 1
    assert board.passes == [[1, 2]]


def test_an_idle_device_waits_no_longer_once_the_decoding_has_failed(batcher, board, callers):
    with ExitStack() as decoding:
        decoding.enter_context(suppress(ValueError))
        decoding.enter_context(batcher.expected())
        (first,) = queued(batcher, callers, [1])
        raise ValueError("no picture")
    assert first.result() == 1


def test_a_full_batch_waits_for_nobody(batcher, board, callers):
    with batcher.expected():
        answers = [*queued(batcher, callers, [1, 2, 3]), callers.submit(ask, batcher, 4)]
        assert [answer.result(LONG_S / 2) for answer in answers] == [1, 2, 3, 4]


def test_patience_ends_however_long_a_decoding_takes(board):
    batcher = Batcher(board, patience_s=0.001)
    with batcher.expected():
        assert ask(batcher, 1) == 1
    batcher.close()


def test_a_failure_reaches_the_callers_of_its_batch_and_nobody_else(batcher, board, callers):
    board.fails_at = {2}
    with at_work(batcher, board, callers):
        answers = queued(batcher, callers, [1, 2, 3, 4, 5])
    for answer in answers[:4]:
        with pytest.raises(RuntimeError, match="could not compute the batch: no good"):
            answer.result()
    assert len({id(answer.exception()) for answer in answers[:4]}) == 4
    assert answers[4].result() == 5
    assert ask(batcher, 6) == 6


def test_a_failed_batch_gives_its_rows_back(batcher, board):
    board.fails_at = {1}
    for _ in range(2 * board.rows):
        with pytest.raises(RuntimeError):
            ask(batcher, 1)
    assert sorted(batcher._free) == list(range(board.rows))


def test_who_gave_up_while_waiting_is_not_computed(batcher, board, callers):
    gave_up = threading.Event()
    with at_work(batcher, board, callers):
        (given_up,) = queued(batcher, callers, [1], given_up=gave_up.is_set)
        (stays,) = queued(batcher, callers, [2])
        gave_up.set()
    with pytest.raises(NobodyWaits):
        given_up.result()
    assert stays.result() == 2
    assert board.passes == [[0], [2]]


def test_who_gave_up_while_decoding_is_not_handed_in(batcher, board):
    with pytest.raises(NobodyWaits):
        ask(batcher, 1, given_up=lambda: True)
    assert board.passes == []
    assert len(batcher._free) == board.rows


def test_a_batch_of_nothing_but_given_up_pictures_is_no_pass(batcher, board, callers):
    gave_up = threading.Event()
    with at_work(batcher, board, callers):
        answers = queued(batcher, callers, [1, 2], given_up=gave_up.is_set)
        gave_up.set()
    assert {type(answer.exception()) for answer in answers} == {NobodyWaits}
    assert ask(batcher, 3) == 3
    assert board.passes == [[0], [3]]


def test_more_callers_than_rows_are_all_served(board, callers):
    board.rows = 2
    batcher = Batcher(board)
    assert list(callers.map(lambda number: ask(batcher, number), range(200))) == list(range(200))
    batcher.close()


def test_many_pictures_of_one_caller_come_back_in_their_order(batcher):
    rgb = np.arange(50)[:, None]
    assert batcher.outputs(rgb)["number"].ravel().tolist() == list(range(50))


def test_sixteen_threads_get_what_is_theirs(board, callers):
    batcher = Batcher(board)
    assert list(callers.map(lambda number: ask(batcher, number), range(1000))) == list(range(1000))
    assert sum(map(len, board.passes)) >= 1000
    batcher.close()


def test_closing_computes_what_waits_and_refuses_what_comes(batcher, board, callers):
    with ExitStack() as work:
        work.enter_context(at_work(batcher, board, callers))
        (waits,) = queued(batcher, callers, [1])
        closing = callers.submit(batcher.close)
        until(batcher, lambda: batcher._is_closed)
        with pytest.raises(RuntimeError, match="closed"):
            ask(batcher, 2)
    closing.result()
    assert waits.result() == 1
    assert not batcher._thread.is_alive()
    with pytest.raises(RuntimeError, match="closed"):
        ask(batcher, 3)


def test_closing_tells_those_who_wait_for_a_row(board, callers):
    board.rows = 1
    batcher = Batcher(board)
    with at_work(batcher, board, callers):
        waits = callers.submit(ask, batcher, 1)
        until(batcher, lambda: batcher._decoding == 1)
        closing = callers.submit(batcher.close)
        with pytest.raises(RuntimeError, match="closed"):
            waits.result()
    closing.result()


def test_closing_twice_does_nothing_more(batcher):
    batcher.close()
    batcher.close()
