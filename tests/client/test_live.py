"""Where a follower of a job is, and what follows on each loss of its connection."""

from datetime import UTC, datetime

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.frames import Close

from imagineai_client.answers import Event
from imagineai_client.errors import NotAuthenticated
from imagineai_client.live import INVALID_TOKEN, Place


def event(seq):
    return Event("step_update", "x", None, "classify", "running", None, None, datetime.now(UTC), seq)


def refused():
    return ConnectionClosedError(Close(INVALID_TOKEN, "The token has expired."), None)


def test_a_token_may_run_out_again_once_an_event_has_come():
    place = Place("http://service", "x", None)
    for seq in (1, 2, 3):
        assert place.pause_s(refused()) == 0
        assert place.is_new(event(seq))


def test_two_tokens_that_are_refused_in_a_row_end_it():
    place = Place("http://service", "x", None)
    assert place.is_new(event(1))
    assert place.pause_s(refused()) == 0
    assert not place.is_new(event(1))
    with pytest.raises(NotAuthenticated):
        place.pause_s(refused())
