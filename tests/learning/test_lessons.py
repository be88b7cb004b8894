"""What the notebooks share: a few photos of many, and where a size of the lessons lies."""

from pathlib import Path

import pytest

from tests.learning.drawn import SHAPES, draw_folder
from training.lessons import steps
from training.lessons.few_photos import few, most_frequent, write_table
from training.photos.sources import Photo, photos_of

REPOSITORY = Path(__file__).parents[2]


def test_a_few_photos_are_drawn_evenly_and_take_their_new_names():
    photos = [Photo(f"{number}.jpg", "disc") for number in range(100)] + [Photo("x.jpg", "box")]
    drawn = few(photos, {"disc": "wheel", "box": "crate"}, each=4)
    assert [photo.path for photo in drawn] == ["0.jpg", "25.jpg", "50.jpg", "75.jpg", "x.jpg"]
    assert [photo.label for photo in drawn] == ["wheel"] * 4 + ["crate"]


def test_the_most_frequent_labels_come_first():
    photos = [Photo("", "rare"), *[Photo("", "usual")] * 3, *[Photo("", "middling")] * 2]
    assert most_frequent(photos, 2) == ["usual", "middling"]


def test_a_table_of_photos_is_a_source_that_keeps_labels_and_groups(tmp_path):
    folder = draw_folder(tmp_path / "photos", each=3)
    photos = [Photo(photo.path, photo.label, group="jane") for photo in photos_of(folder)]
    write_table(tmp_path / "elsewhere" / "few.csv", folder, photos)
    read = photos_of(tmp_path / "elsewhere" / "few.csv")
    assert {photo.label for photo in read} == set(SHAPES)
    assert {photo.group for photo in read} == {"jane"}
    assert all((tmp_path / "elsewhere" / photo.path).is_file() for photo in read)


@pytest.mark.parametrize(("size", "place", "least_steps"), [("small", "small", 40), ("", "", 200)])
def test_the_small_size_has_its_own_folder_and_its_own_steps(monkeypatch, tmp_path, size, place, least_steps):
    monkeypatch.setenv("IMAGINEAI_HOME", str(tmp_path))
    monkeypatch.setenv(steps.SIZE_VARIABLE, size)
    lesson = steps.open_lesson(REPOSITORY)
    assert lesson.folder == tmp_path / "notebooks" / place
    assert lesson.recipe.least_steps == least_steps
