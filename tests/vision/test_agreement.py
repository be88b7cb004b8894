"""The comparison of placements and decodes: what it counts, and when it says that they do not agree."""

import json
import sys
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from imagineai_vision import picture
from imagineai_vision.agreement import __main__ as command
from imagineai_vision.agreement import plain
from imagineai_vision.agreement.answers import Answers
from imagineai_vision.agreement.differences import difference, table
from imagineai_vision.agreement.photos import drawn
from tests.vision import files

BICUBIC = plain.READS["every pixel, bicubic"]


@pytest.fixture
def folder(tmp_path):
    for name, data in files.accepted().items():
        suffix = next(kind for kind in ("JPEG", "PNG", "GIF", "WebP", "") if kind in name) or "png"
        (tmp_path / f"{name}.{suffix.lower()}").write_bytes(data)
    (tmp_path / "LICENSE").write_text("no picture")
    return tmp_path


def said(labels=("a", "b"), probability=0.5, **other):
    answers = Answers(
        rgb=np.zeros((2, 4, 4, 3), np.uint8),
        labels=labels,
        probabilities=np.array([[probability, 1 - probability], [0.5, 0.5]]),
        embeddings=np.eye(2, dtype=np.float32),
        maps={"defect_presence": np.zeros((2, 1, 1), np.float32)},
        is_flagged=np.array([False, False]),
    )
    return replace(answers, **other)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["agreement", *map(str, arguments)])
    return command.main()


def test_what_is_the_same_differs_by_nothing():
    same = difference(said(), said())
    assert (same.same_label, same.same_flag, same.probability_most, same.pixel_most) == (1, 1, 0, 0)
    assert same.embedding_cosine_least == pytest.approx(1)


def test_each_difference_is_told():
    other = said(
        labels=("a", "c"),
        probability=0.75,
        rgb=np.full((2, 4, 4, 3), 3, np.uint8),
        maps={"defect_presence": np.array([[[0]], [[2]]], np.float32)},
        embeddings=np.array([[1, 0], [1, 1]], np.float32),
        is_flagged=np.array([False, True]),
    )
    found = difference(said(), other)
    assert (found.same_label, found.same_flag) == (0.5, 0.5)
    assert found.probability_most == pytest.approx(0.25)
    assert found.maps_most == {"defect_presence": 2}
    assert found.embedding_cosine_least == pytest.approx(2**-0.5)
    assert (found.pixel_mean, found.pixel_most) == (3, 3)
    assert "| other | 50.00% | 50.00% | 0.25 |" in table({"other": found})


@pytest.mark.parametrize("name", ["JPEG", "PNG", "gray JPEG", "palette PNG", "WebP", "GIF", "1-bit PNG"])
def test_where_nothing_is_shrunk_while_decoding_both_decodes_are_one(name):
    data = files.accepted()[name]
    apart = np.abs(picture.read(data, 290).astype(int) - BICUBIC(data, 290))
    assert apart.max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_both_decodes_turn_a_picture_upright(orientation):
    data = files.turned(orientation)
    apart = np.abs(picture.read(data, 64).astype(int) - BICUBIC(data, 64))
    assert apart.mean() < 3


def test_the_plain_decode_lays_what_is_transparent_over_white():
    file = BytesIO()
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(file, "PNG")
    assert (BICUBIC(file.getvalue(), 4) == 255).all()


def test_the_plain_decode_converts_to_srgb():
    """In this profile, Lab, the same bytes mean other colours."""
    image = Image.new("RGB", (8, 8), (120, 60, 200))
    same, broken = BytesIO(), BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(same, "PNG", icc_profile=profile)
    image.save(broken, "PNG", icc_profile=b"no profile")
    for file in (same, broken):
        assert np.abs(BICUBIC(file.getvalue(), 4).astype(int) - (120, 60, 200)).max() <= 1


def test_photos_are_drawn_evenly_and_enlarged_where_asked(folder):
    assert len(drawn(folder, 100)) == len(files.accepted())
    assert len(drawn(folder, 5)) == 5
    with Image.open(BytesIO(drawn(folder, 1, side=640)[0]())) as image:
        assert (image.format, max(image.size)) == ("JPEG", 640)


def test_an_empty_folder_is_said_to_be_one(tmp_path, starter, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path, "--bundle", starter) == 2
    assert "There is no photo in" in capsys.readouterr().err


def test_a_placement_that_nobody_knows_is_refused(folder, starter, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, folder, "--bundle", starter, "--placements", "onnx,abacus")
    assert "abacus: known are onnx, torch" in capsys.readouterr().err


def test_two_placements_agree_and_it_is_written_down(folder, starter, monkeypatch, capsys, tmp_path):
    out = tmp_path / "agreement.json"
    arguments = (folder, "--bundle", starter, "--placements", "onnx,torch", "--decodes", "--out", out)
    assert run(monkeypatch, *arguments) == 0
    assert "| torch | 100.00% |" in capsys.readouterr().out
    figures = json.loads(out.read_text())
    assert figures["reference"] == "onnx"
    assert figures["placements"]["torch"]["probability_most"] < 1e-3
    assert set(figures["decodes"]) == {"every pixel, bicubic", "every pixel, Lanczos"}


def test_too_few_same_labels_are_a_failure(folder, starter, monkeypatch):
    apart = difference(said(), said(labels=("a", "c")))
    monkeypatch.setattr(command, "compare", lambda *_, **__: ({"torch": apart}, {}))
    assert run(monkeypatch, folder, "--bundle", starter) == 1
