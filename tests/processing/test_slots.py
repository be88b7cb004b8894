"""The threads that compute: who comes first when all are taken."""

import asyncio
import threading

from imagineai_api.inference.slots import Slots


class Gate:
    """A call that holds its thread until it is let go."""

    def __init__(self):
        self.entered, self._open = threading.Event(), threading.Event()

    def hold(self):
        self.entered.set()
        assert self._open.wait(10)

    def let_go(self):
        self._open.set()


async def test_what_is_urgent_goes_before_what_waited_longer():
    slots, gate, order = Slots(1), Gate(), []
    held = asyncio.create_task(slots.run(gate.hold))
    await asyncio.to_thread(gate.entered.wait, 10)
    waiting = [
        asyncio.create_task(slots.run(order.append, name, urgent=urgent))
        for name, urgent in (("batch", False), ("second batch", False), ("upload", True))
    ]
    await asyncio.sleep(0)

    gate.let_go()
    await asyncio.gather(held, *waiting)

    assert order == ["upload", "batch", "second batch"]
    slots.close()


async def test_whoever_gives_up_leaves_no_slot_taken():
    slots, gate = Slots(1), Gate()
    held = asyncio.create_task(slots.run(gate.hold))
    await asyncio.to_thread(gate.entered.wait, 10)
    queued = asyncio.create_task(slots.run(list))
    await asyncio.sleep(0)
    for task in (queued, held):
        task.cancel()
    await asyncio.gather(held, queued, return_exceptions=True)

    gate.let_go()

    assert await asyncio.wait_for(slots.run(lambda: "computed"), 10) == "computed"
    slots.close()


async def test_a_call_that_fails_frees_its_slot():
    slots = Slots(1)

    (failed,) = await asyncio.gather(slots.run(int, "no number"), return_exceptions=True)

    assert isinstance(failed, ValueError)
    assert await slots.run(int, "1") == 1
    slots.close()


async def test_whoever_is_patient_has_a_turn_while_urgent_calls_never_end():
    slots, gate, patient = Slots(1), Gate(), asyncio.Event()
    held = asyncio.create_task(slots.run(gate.hold))
    await asyncio.to_thread(gate.entered.wait, 10)

    async def call_again_and_again():
        while not patient.is_set():
            await slots.run(list)

    callers = [asyncio.create_task(call_again_and_again()) for _ in range(3)]
    waiting = asyncio.create_task(slots.run(list, urgent=False))
    await asyncio.sleep(0)

    gate.let_go()

    await asyncio.wait_for(waiting, 10)
    patient.set()
    await asyncio.gather(held, *callers)
    slots.close()
