"""What the clients do after each kind of answer."""

import httpx
import pytest

from imagineai_client.calls import me, retry_job
from imagineai_client.errors import NotAuthenticated, ServiceFailed, ServiceUnreachable, TooManyRequests
from imagineai_client.session import Attempts, Pause, Renew


def answer(status, **headers):
    request = httpx.Request("GET", "http://service/api/v1/x")
    return httpx.Response(status, json={"detail": "Said."}, headers=headers, request=request)


def test_a_rate_limit_is_waited_for_as_long_as_patience_lasts():
    attempts = Attempts(retry_job("x"), patience_s=10)
    assert attempts.answered(answer(429, **{"Retry-After": "4"})) == Pause(4)
    assert attempts.answered(answer(429, **{"Retry-After": "6"})) == Pause(6)
    with pytest.raises(TooManyRequests) as caught:
        attempts.answered(answer(429, **{"Retry-After": "1"}))
    assert caught.value.retry_after == 1


def test_a_service_that_is_briefly_away_is_asked_again_only_where_that_does_no_harm():
    away = answer(503, **{"Retry-After": "2"})
    assert Attempts(me(), patience_s=10).answered(away) == Pause(2)
    with pytest.raises(ServiceFailed):
        Attempts(retry_job("x"), patience_s=10).answered(away)
    with pytest.raises(ServiceFailed):
        Attempts(me(), patience_s=10).answered(answer(503))


def test_a_connection_that_broke_is_made_again_only_where_that_does_no_harm():
    broke = httpx.ReadError("broke")
    attempts = Attempts(me(), patience_s=2)
    assert [attempts.dropped(broke, "x"), attempts.dropped(broke, "x")] == [Pause(0.5), Pause(1)]
    with pytest.raises(ServiceUnreachable):
        attempts.dropped(broke, "x")
    with pytest.raises(ServiceUnreachable):
        Attempts(retry_job("x"), patience_s=10).dropped(broke, "x")
    with pytest.raises(ServiceUnreachable):
        Attempts(me(), patience_s=10).dropped(httpx.ConnectError("nobody"), "x")


def test_a_token_is_exchanged_once_a_call():
    attempts = Attempts(me(), patience_s=10)
    assert attempts.answered(answer(401)) == Renew()
    with pytest.raises(NotAuthenticated):
        attempts.answered(answer(401))
    assert attempts.answered(answer(200)) is None
