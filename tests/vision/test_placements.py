"""The placements: the same bundle, the same answers; and which one a machine gets."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from imagineai_vision.bundle import GOLDEN, BundleError, open_bundle
from imagineai_vision.engine import Engine
from imagineai_vision.golden import check_golden, furthest
from imagineai_vision.network import ShopNetwork
from imagineai_vision.placements.batcher import Batcher
from imagineai_vision.placements.choice import COMPARABLE
from imagineai_vision.placements.half import halved
from imagineai_vision.placements.placement import NobodyWaits
from imagineai_vision.placements.torch_device import BATCHES, CpuLane, TorchDevice
from imagineai_vision.trunk import ConvNorm
from tests.vision import files

SHOP = Path(__file__).parents[2] / "models" / "shop"
needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(),
    reason="there is no CUDA device: graphs, streams, halves on it are not tested",
)


@pytest.fixture(scope="module")
def shop():
    if not SHOP.is_dir():
        pytest.fail("models/shop is not there: `make models` fetches it")
    return open_bundle(SHOP)


@pytest.fixture(scope="module")
def golden(shop):
    with np.load(shop.folder / GOLDEN) as stored:
        return {name: stored[name] for name in ("rgb", *shop.outputs)}


@pytest.fixture(scope="module")
def torch_placement(shop):
    placement = COMPARABLE["torch"](shop)
    yield placement
    placement.close()


def apart(bundle, outputs, golden):
    return max(furthest(name, outputs[name], golden[name]) for name in bundle.outputs)


def test_torch_yields_the_golden_outputs_through_batches(shop, golden, torch_placement):
    assert apart(shop, torch_placement.outputs(golden["rgb"]), golden) <= shop.tolerances["cpu"]


def test_rounded_to_halves_the_golden_outputs_are_within_half_of_what_a_device_is_allowed(shop, golden):
    """Computed as devices do it; the other half is for the order in which they add up."""
    placement = COMPARABLE["rounded-float16"](shop)
    assert apart(shop, placement.outputs(golden["rgb"]), golden) <= shop.tolerances["cuda"] / 2
    placement.close()


def test_in_halves_throughout_the_golden_outputs_are_within_what_a_device_is_allowed(starter):
    bundle = open_bundle(starter)
    placement = COMPARABLE["torch-float16"](bundle)
    with np.load(bundle.folder / GOLDEN) as golden:
        first = {name: golden[name][:1] for name in ("rgb", *bundle.outputs)}
    assert apart(bundle, placement.outputs(first["rgb"]), first) <= bundle.tolerances["cuda"]
    placement.close()


def test_both_placements_name_the_same_labels_and_defects(shop, torch_placement):
    onnx = Engine(shop, COMPARABLE["onnx"](shop))
    other = Engine(shop, torch_placement)
    pictures = list(files.accepted().values())
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(other.predict, pictures))
    for data, prediction in zip(pictures, found, strict=True):
        expected = onnx.predict(data)
        assert prediction.label == expected.label
        assert prediction.scores == pytest.approx(expected.scores, abs=1e-3)
        assert len(prediction.defects) == len(expected.defects)
    other._end.detach()  # its placement is the module's


@pytest.fixture(scope="module")
def device(shop):
    return TorchDevice(shop, CpuLane())


@pytest.mark.parametrize("size", [1, 8, BATCHES[-1]])
def test_a_batch_of_any_size_gives_each_picture_what_it_gets_alone(shop, golden, device, size):
    rows = [index % len(golden["rgb"]) for index in range(size)]
    for row, rgb in enumerate(golden["rgb"]):
        device.put(row, rgb)
    outputs = device.run(rows)
    expected = {name: golden[name][rows] for name in shop.outputs}
    assert apart(shop, outputs, expected) <= shop.tolerances["cpu"]


def test_a_row_is_written_anew_while_others_are_kept(shop, golden, device):
    first, second = golden["rgb"][:2]
    device.put(0, first)
    device.put(1, first)
    device.put(1, second)
    outputs = device.run([1, 0])
    expected = {name: golden[name][[1, 0]] for name in shop.outputs}
    assert apart(shop, outputs, expected) <= shop.tolerances["cpu"]


def test_the_golden_outputs_are_checked_in_batches_of_every_size(shop, monkeypatch):
    sizes = []

    class Recording(TorchDevice):
        batches = (1, 4)

        def run(self, rows):
            sizes.append(len(rows))
            outputs = super().run(rows)
            if len(rows) == 4:
                outputs["embedding"] = outputs["embedding"] + 1
            return outputs

    placement = Batcher(Recording(shop, CpuLane()))
    with pytest.raises(BundleError, match="embedding is off by 1"):
        check_golden(shop, placement)
    placement.close()
    assert set(sizes) == {1, 4}


@pytest.mark.parametrize("trained", [False, True])
def test_halves_leave_what_comes_first_and_last_in_single_precision(trained):
    arguments = {"trained_labels": [1], "class_shares": [0.5, 0.1, 0.0], "whole": True, "defect_types": 2}
    network = ShopNetwork([0, 1, 2], [0.0, 0.0, -20.0], **(arguments if trained else {})).eval()
    halved(network)
    assert all(part.is_folded for part in network.modules() if isinstance(part, ConvNorm))
    assert network.trunk.stem.conv.weight.dtype == torch.float32
    assert network.trunk.top.conv.weight.dtype == torch.float16
    assert {parameter.dtype for parameter in network.label_head.parameters()} == {torch.float32}
    with torch.inference_mode():
        outputs = network(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert outputs["label_logits"].dtype == torch.float32
    assert all(torch.isfinite(values).all() for values in outputs.values())


def test_on_a_cpu_who_gave_up_while_decoding_is_not_computed(engine):
    with pytest.raises(NobodyWaits):
        engine.predict(files.accepted()["PNG"], given_up=lambda: True)


def test_an_engine_that_nobody_holds_ends_its_thread(shop):
    before = set(threading.enumerate())
    engine = Engine(shop, COMPARABLE["torch"](shop))
    (thread,) = set(threading.enumerate()) - before
    del engine
    gc.collect()
    assert not thread.is_alive()


def test_an_engine_that_is_refused_leaves_no_thread(shop, monkeypatch):
    before = set(threading.enumerate())
    monkeypatch.setattr("imagineai_vision.engine.place", lambda bundle, *_: COMPARABLE["torch"](bundle))

    def refuse(*_):
        raise BundleError("no")

    monkeypatch.setattr("imagineai_vision.engine.check_golden", refuse)
    with pytest.raises(BundleError):
        Engine.open(shop.folder, device="cpu")
    assert set(threading.enumerate()) == before


@needs_cuda
def test_on_cuda_the_golden_outputs_are_yielded_in_every_size(shop, golden):
    engine = Engine.open(shop.folder, device="cuda")
    for _ in range(3):
        assert apart(shop, engine.outputs(golden["rgb"]), golden) <= shop.tolerances["cuda"]
    engine.close()


@needs_cuda
def test_on_cuda_sixteen_threads_get_what_one_gets(shop):
    engine, pictures = Engine.open(shop.folder, device="cuda"), list(files.accepted().values()) * 8
    alone = [engine.predict(data) for data in pictures]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(engine.predict, pictures))
    for one, other in zip(alone, together, strict=True):
        assert other.label == one.label
        assert other.scores == pytest.approx(one.scores, abs=0.02)
    engine.close()


@needs_cuda
def test_on_cuda_a_second_version_is_loaded_while_the_first_serves(shop):
    first, stop = Engine.open(shop.folder, device="cuda"), threading.Event()
    data = files.accepted()["JPEG"]

    def serve():
        count = 0
        while not stop.is_set():
            first.predict(data)
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        serving = [pool.submit(serve) for _ in range(4)]
        second = Engine.open(shop.folder, device="cuda")
        stop.set()
        assert all(count.result() > 0 for count in serving)
    assert second.predict(data).label == first.predict(data).label
    first.close()
    second.close()
