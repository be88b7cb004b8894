"""Passwords: what is computed for them, where, and how many at a time."""

import asyncio
import threading

import pytest

from imagineai_api.auth.passwords import AT_ONCE, Passwords

PARAMETERS = "$argon2id$v=19$m=65536,t=3,p=4$"


class Watched(Passwords):
    """Notes each check of a password: the hash, the thread, and how many went on beside it."""

    def __init__(self):
        super().__init__()
        self.hashes, self.threads, self.most = [], set(), 0
        self._going_on = 0

    def _verify(self, password, hashed):
        self.hashes.append(hashed)
        self.threads.add(threading.get_ident())
        self._going_on += 1
        self.most = max(self.most, self._going_on)
        try:
            return super()._verify(password, hashed)
        finally:
            self._going_on -= 1


@pytest.fixture
def passwords():
    return Watched()


async def test_a_hash_is_argon2id_with_a_salt_of_its_own(passwords):
    one, two = await passwords.hash("the same"), await passwords.hash("the same")

    assert one.startswith(PARAMETERS)
    assert one != two


async def test_a_right_password_matches_and_a_wrong_one_does_not(passwords):
    hashed = await passwords.hash("right")

    assert await passwords.matches("right", hashed)
    assert not await passwords.matches("wrong", hashed)


async def test_an_unknown_account_costs_one_check_of_the_same_kind_as_a_wrong_password(passwords):
    assert not await passwords.matches("wrong", await passwords.hash("right"))
    of_a_wrong_password = list(passwords.hashes)

    assert not await passwords.matches("wrong", None)

    (of_nobody,) = passwords.hashes[len(of_a_wrong_password) :]
    assert len(of_a_wrong_password) == 1
    assert of_nobody.startswith(PARAMETERS)
    assert len(of_nobody) == len(of_a_wrong_password[0])


async def test_checks_go_on_beside_the_event_loop_and_few_at_a_time(passwords):
    hashed = await passwords.hash("right")

    answers = await asyncio.gather(*(passwords.matches("right", hashed) for _ in range(8)))

    assert answers == [True] * 8
    assert threading.get_ident() not in passwords.threads
    assert 1 <= passwords.most <= AT_ONCE
