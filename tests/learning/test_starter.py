"""The starter bundle can be made again from the published weights, to the byte where it matters."""

import json

import pytest

from imagineai_vision import bundle
from training import starter as stage
from training.bundles import pretrained


@pytest.fixture(scope="module")
def made(tmp_path_factory, starter):
    folder = tmp_path_factory.mktemp("made") / "starter"
    card = json.loads((starter / bundle.DOCUMENT).read_text())
    stage.make(folder, size=card["input"]["size"], other_prior=0.05, threshold=0.02, temperature=1.0)
    return folder


def test_the_weights_and_the_document_are_the_released_ones(made, starter):
    assert (made / bundle.WEIGHTS).read_bytes() == (starter / bundle.WEIGHTS).read_bytes()
    ours, released = (json.loads((folder / bundle.DOCUMENT).read_text()) for folder in (made, starter))
    for document in (ours, released):
        del document["files"]
    assert ours == released


def test_weights_other_than_the_known_ones_are_refused(monkeypatch):
    monkeypatch.setattr(pretrained, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="is not the file whose SHA-256"):
        pretrained.pretrained()


def test_the_correction_for_other_keeps_the_whole_at_one():
    classes = [{"shop_label": "other"}] * 3 + [{"shop_label": "mug"}]
    odds = [2.718281828**offset / 4 for offset in stage.class_offsets(classes, other_prior=0.1)]
    assert sum(odds) == pytest.approx(1, abs=1e-4)
    assert sum(odds[:3]) == pytest.approx(0.1, abs=1e-4)
