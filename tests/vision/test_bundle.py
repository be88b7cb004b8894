"""A bundle is whole and unaltered, or it is refused in words."""

import json
import shutil

import numpy as np
import pytest

from imagineai_vision import bundle
from imagineai_vision.bundle import BundleError, digest, open_bundle, seal
from imagineai_vision.engine import Engine


@pytest.fixture
def copy(starter, tmp_path):
    return shutil.copytree(starter, tmp_path / "bundle")


def alter_document(folder, **changes):
    card = json.loads((folder / bundle.DOCUMENT).read_text())
    card.update(changes)
    (folder / bundle.DOCUMENT).write_text(json.dumps(card))


def test_the_digest_is_the_same_for_a_copy_and_another_for_any_change(starter, copy):
    before = digest(copy)
    assert before == digest(starter)
    assert len(before) == 64
    (copy / ".DS_Store").write_text("not ours")
    assert digest(copy) == before
    with (copy / bundle.MODEL_CARD).open("a") as card:
        card.write("\n")
    assert digest(copy) != before


@pytest.mark.parametrize("name", bundle.FILES)
def test_a_file_with_one_byte_changed_is_refused(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BundleError, match=f"{name} of the bundle is not the file that was released"):
        Engine.open(copy, device="cpu")


@pytest.mark.parametrize("name", bundle.FILES)
def test_a_file_cut_short_is_refused(copy, name):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(BundleError, match=name):
        open_bundle(copy)


@pytest.mark.parametrize("name", [*bundle.FILES, bundle.DOCUMENT])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(BundleError, match=name):
        Engine.open(copy, device="cpu")
    with pytest.raises(BundleError, match=name):
        digest(copy)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"format": 2}', '{"format": 1}', '{"format": 1, "files": []}']
)
def test_a_malformed_document_is_refused(copy, text):
    (copy / bundle.DOCUMENT).write_text(text)
    with pytest.raises(BundleError, match=r"model\.json of the bundle"):
        open_bundle(copy)


def test_a_document_cannot_name_files_elsewhere(copy):
    files = json.loads((copy / bundle.DOCUMENT).read_text())["files"]
    alter_document(copy, files={**files, "../../etc/passwd": "0" * 64})
    with pytest.raises(BundleError, match="nothing else"):
        open_bundle(copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": []},
        {"labels": [{"name": "other", "category": "nonsense", "subcategory": "", "threshold": 0}]},
        {"labels": [{"name": "other"}]},
        {"temperature": 0},
        {"temperature": "warm"},
        {"input": {}},
        {"golden": None},
    ],
)
def test_a_document_that_says_nonsense_is_refused(copy, changes):
    alter_document(copy, **changes)
    with pytest.raises(BundleError):
        open_bundle(copy)


def test_a_bundle_that_does_not_yield_its_golden_outputs_is_refused(copy):
    with np.load(copy / bundle.GOLDEN) as golden:
        arrays = dict(golden)
    arrays["embedding"][1, 7] += 0.01
    np.savez_compressed(copy / bundle.GOLDEN, **arrays)
    seal(copy, {k: v for k, v in json.loads((copy / bundle.DOCUMENT).read_text()).items() if k != "files"})
    with pytest.raises(BundleError, match=r"embedding is off by 0\.01, allowed is 0\.001"):
        Engine.open(copy, device="cpu")


def test_a_bundle_whose_graph_is_no_graph_is_refused(copy):
    (copy / bundle.GRAPH).write_bytes(b"nothing")
    seal(copy, {k: v for k, v in json.loads((copy / bundle.DOCUMENT).read_text()).items() if k != "files"})
    with pytest.raises(BundleError, match="cannot be loaded"):
        Engine.open(copy, device="cpu")


def test_the_graph_has_no_weights_of_its_own(starter):
    assert (starter / bundle.GRAPH).stat().st_size < (starter / bundle.WEIGHTS).stat().st_size / 10


def test_nothing_in_the_bundle_names_the_machine_it_was_made_on(starter):
    for file in starter.iterdir():
        data = file.read_bytes()
        assert not any(
            trace in data for trace in (b"/home/", b"/root/", b"/work/", b"/tmp/", b"site-packages")
        )


def test_the_card_fits_into_the_registry(starter):
    assert len((starter / bundle.MODEL_CARD).read_text()) < 5000
