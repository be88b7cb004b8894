"""The engine: the same answers from every placement, from any thread."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from imagineai_vision.bundle import GOLDEN, WEIGHTS
from imagineai_vision.engine import Engine
from imagineai_vision.network import load_network
from imagineai_vision.picture import PictureError
from imagineai_vision.vocabulary import CATEGORIES
from tests.vision import files


@pytest.fixture(scope="module")
def network(engine, starter):
    return load_network(engine.card["network"]["arguments"], starter / WEIGHTS)


def test_torch_yields_the_golden_outputs_too(network, starter):
    with np.load(starter / GOLDEN) as golden, torch.inference_mode():
        outputs = network(torch.from_numpy(golden["rgb"]))
        assert np.abs(outputs["label_logits"].numpy() - golden["label_logits"]).max() < 1e-3
        assert np.abs(outputs["embedding"].numpy() - golden["embedding"]).max() < 1e-3


def test_a_batch_gives_what_single_pictures_give(network, starter):
    with np.load(starter / GOLDEN) as golden, torch.inference_mode():
        rgb = torch.from_numpy(golden["rgb"])
        single = torch.cat([network(picture[None])["label_logits"] for picture in rgb])
        assert torch.allclose(network(rgb)["label_logits"], single, atol=1e-3)


def test_the_labels_logits_sum_the_classes_in_probability(network):
    head = network.label_head
    embedding = torch.rand(3, 1280, generator=torch.Generator().manual_seed(1))
    classes = (head.classes(embedding) + head.offsets).softmax(dim=1)
    assert torch.allclose(head(embedding).softmax(dim=1), classes @ head.membership.float(), atol=1e-5)


def test_a_prediction_keeps_the_contract(engine):
    for data in files.accepted().values():
        prediction = engine.predict(data)
        assert max(prediction.scores, key=lambda name: prediction.scores[name]) == prediction.label
        assert prediction.confidence == prediction.scores[prediction.label]
        assert sum(prediction.scores.values()) == pytest.approx(1, abs=1e-9)
        assert prediction.category in CATEGORIES
        assert {attribute.name for attribute in prediction.attributes} == {"color"}
        assert (prediction.defects, prediction.defect_score) == ((), None)
        assert list(prediction.durations_ms) == ["decode", "classify", "extract_attributes", "detect_defects"]
        assert min(prediction.durations_ms.values()) >= 0


def test_what_is_no_picture_raises_picture_error(engine):
    with pytest.raises(PictureError):
        engine.predict(b"not a picture")


def test_eight_threads_get_what_one_gets(engine):
    pictures = list(files.accepted().values()) * 3
    alone = [engine.predict(data).scores for data in pictures]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda data: engine.predict(data).scores, pictures)) == alone


def test_a_closed_engine_says_so(starter):
    engine = Engine.open(starter, device="cpu")
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.predict(files.accepted()["PNG"])


def test_an_unknown_device_is_refused(starter):
    with pytest.raises(ValueError, match='"auto", "cpu" or "cuda"'):
        Engine.open(starter, device="abacus")


def test_the_device_is_the_gpu_where_there_is_one(starter):
    engine = Engine.open(starter)
    assert engine.device == ("cuda" if torch.cuda.is_available() else "cpu")
    engine.close()


def test_serving_on_a_cpu_imports_neither_torch_nor_a_framework(starter):
    script = (
        "import sys; from pathlib import Path; from imagineai_vision.engine import Engine; "
        f"Engine.open(Path({str(starter)!r}), device='cpu'); "
        "print(sorted({'torch', 'lightning', 'mlflow', 'dvc', 'onnx', 'pandas'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_the_plain_values_import_nothing_heavy():
    script = (
        "import sys, imagineai_vision.findings, imagineai_vision.vocabulary, imagineai_vision.container; "
        "print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
