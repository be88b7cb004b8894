"""From photos to a data set: what is read, what is refused, what never parts."""

import csv
import hashlib
import json
import os
import random
import resource
import subprocess
import sys

import pytest
from PIL import Image

import training.manifest
import training.prepare
from tests.learning.drawn import draw, draw_folder
from training.photos import duplicates, labels, splits
from training.photos.data_report import COLUMNS
from training.photos.sources import DataError

VARIABLES = ("IMAGINEAI_PHOTOS", "IMAGINEAI_DATA")
SOURCES = (
    "--source", "clothing", "IMAGINEAI_PHOTOS", "CC0 1.0", "--source", "own", "IMAGINEAI_DATA", "their own",
)  # fmt: skip


def process(name, *arguments, repository, preexec_fn=None, **variables):
    """Run a stage as DVC does, in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-m", f"training.{name}", *map(str, arguments)],
        cwd=repository, env=environment | variables, capture_output=True, text=True, timeout=120,
        preexec_fn=preexec_fn,
    )  # fmt: skip


@pytest.fixture
def stage(repository, capfd):
    """Run a stage's command in this process, which has loaded PyTorch already."""

    def run(module, *arguments, **variables):
        words = [module.__name__, *map(str, arguments)]
        capfd.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            for variable in VARIABLES:
                patch.delenv(variable, raising=False)
            for variable, value in variables.items():
                patch.setenv(variable, value)
            patch.setattr(sys, "argv", words)
            patch.chdir(repository)
            returncode = module.main()
        return subprocess.CompletedProcess(words, returncode, *capfd.readouterr())

    return run


def manifest_of(out):
    return ("--out", out / "manifest", *SOURCES)


def prepare_of(out):
    return (
        "--manifest", out / "manifest", "--out", out / "prepare", "--seed", 1,
        "--validation", 0.12, "--test", 0.18,
    )  # fmt: skip


@pytest.fixture
def prepare(stage, tmp_path):
    """Run both stages on a place; the answer is the folder with the data set."""

    def run(place, **variables):
        variables = {"IMAGINEAI_DATA": str(place)} | variables
        out = tmp_path / "outputs"
        done = stage(training.manifest, *manifest_of(out), **variables)
        assert done.returncode == 0, done.stderr
        done = stage(training.prepare, *prepare_of(out), **variables)
        assert done.returncode == 0, done.stderr
        return out / "prepare"

    return run


@pytest.fixture
def refusal(stage, repository, tmp_path):
    """Run a stage on a place that it must refuse; the answer is its sentence."""

    def run(place, last="manifest", preexec_fn=None):
        out = tmp_path / "outputs"
        done = stage(training.manifest, *manifest_of(out), IMAGINEAI_DATA=str(place))
        if last == "prepare":
            assert done.returncode == 0, done.stderr
            variables = {"IMAGINEAI_DATA": str(place)}
            if preexec_fn is None:
                done = stage(training.prepare, *prepare_of(out), **variables)
            else:
                done = process(
                    "prepare", *prepare_of(out), repository=repository, preexec_fn=preexec_fn, **variables
                )
        assert done.returncode == 1, done.stdout
        assert not list(out.glob(f"{last}*")), "something half written is there"
        sentence = done.stderr.split("\r")[-1].strip().splitlines()[-1]
        assert "Traceback" not in done.stderr
        return sentence

    return run


def table(folder):
    with (folder / "photos.csv").open() as file:
        return list(csv.DictReader(file))


def report(folder):
    return json.loads((folder / "report.json").read_text())


def write_csv(folder, *rows, header="image,label"):
    (folder / "photos.csv").write_text("\n".join((header, *rows)) + "\n")
    return folder / "photos.csv"


def test_a_folder_of_label_named_folders_becomes_a_data_set(prepare, tmp_path):
    prepared = prepare(draw_folder(tmp_path / "photos"))
    rows = table(prepared)
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 42
    for row in rows:
        data = (prepared / "pictures" / row["photo"]).read_bytes()
        assert row["photo"] == f"{hashlib.sha256(data).hexdigest()}.jpg"
    for label in ("disc", "box", "wedge"):
        counts = [sum(r["label"] == label and r["split"] == s for r in rows) for s in splits.SPLITS]
        assert counts == [10, 2, 2]
    assert "| disc | 10 | 2 | 2 |" in (prepared / "report.md").read_text()
    assert "Absent: clothing" in (prepared / "report.md").read_text()
    assert [label["name"] for label in json.loads((prepared / "labels.json").read_text())] == [
        "box", "disc", "wedge",
    ]  # fmt: skip


def test_a_csv_brings_its_columns_along(prepare, tmp_path):
    draw_folder(tmp_path, each=6)
    rows = [
        f"{shape}/{n}.jpg,{shape},red,wood,,{'scratch;dent' if n else ''},g{n // 2}"
        for shape in ("disc", "box")
        for n in range(6)
    ]
    header = "image,label,color,material,pattern,defects,group"
    prepared = prepare(write_csv(tmp_path, *rows, header=header))
    rows = table(prepared)
    assert {(row["color"], row["material"], row["pattern"]) for row in rows} == {("red", "wood", "")}
    assert {row["defects"] for row in rows} == {"scratch;dent", ""}
    assert len({row["group"] for row in rows}) == 3


def test_the_same_photos_give_the_same_data_set(prepare, tmp_path):
    place = draw_folder(tmp_path / "photos", each=5)
    first, second = (
        [(prepared / name).read_bytes() for name in ("photos.csv", "report.json", "labels.json")]
        for prepared in (prepare(place) for _ in range(2))
    )
    assert first == second


def test_no_output_names_a_folder_of_this_machine(prepare, tmp_path):
    prepared = prepare(draw_folder(tmp_path / "photos", each=5))
    for file in [*prepared.glob("*.*"), *(prepared.parent / "manifest").iterdir()]:
        assert str(tmp_path).encode() not in file.read_bytes(), file


def test_senders_keep_their_photos_together_across_both_folders(prepare, tmp_path):
    place = tmp_path / "photos"
    lines = ["image,split,label,sender_id"]
    for n in range(12):
        for shape in ("disc", "box"):
            split = "train" if n % 2 else "validation"
            draw(place / split / shape / f"{shape}{n}.jpg", shape, n)
            lines.append(f"{shape}{n},{split},{shape},{n // 3}")
    (place / "senders.csv").write_text("\n".join(lines))
    rows = table(prepare(place))
    assert {row["label"] for row in rows} == {"disc", "box"}
    assert len({row["group"] for row in rows}) == 4
    assert len({(row["group"], row["split"]) for row in rows}) == 4


@pytest.mark.parametrize("naming", ["disc/{}.jpg", "disc{}.jpg", "disc{}"])
def test_senders_name_photos_by_path_by_file_or_without_its_suffix(prepare, tmp_path, naming):
    place = draw_folder(tmp_path / "photos", each=6)
    if "/" not in naming:
        for n in range(6):
            (place / "disc" / f"{n}.jpg").rename(place / "disc" / f"disc{n}.jpg")
    lines = [f"{naming.format(n)},{n // 3}" for n in range(6)]
    (place / "senders.csv").write_text("\n".join(["image,sender_id", *lines]))
    discs = [row for row in table(prepare(place)) if row["label"] == "disc"]
    assert len(discs) == 6
    assert len({row["group"] for row in discs}) == 2


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            "1,anna",
            "senders.csv names 1, of which there are several photos: name them by their paths, such as",
        ),
        ("3.jpg,anna", "senders.csv names 3.jpg, of which there are several photos"),
        ("elsewhere.jpg,anna", "senders.csv names no photo that is there: elsewhere.jpg."),
    ],
)
def test_senders_that_name_no_photo_or_several_are_refused(refusal, tmp_path, row, says):
    place = draw_folder(tmp_path / "photos", each=6)
    (place / "senders.csv").write_text(f"image,sender_id\n{row}\n")
    assert says in refusal(place)


def test_copies_of_a_picture_never_part(prepare, tmp_path):
    place = draw_folder(tmp_path / "photos", each=8)
    for n in range(8):
        with Image.open(place / "disc" / f"{n}.jpg") as image:
            image.resize((100, 75)).save(place / "disc" / f"small{n}.jpg", quality=70)
    (place / "disc" / "again.jpg").write_bytes((place / "disc" / "0.jpg").read_bytes())
    prepared = prepare(place)
    assert len(report(prepared)["near_duplicates"]) == 8
    assert [entry["path"] for entry in report(prepared)["repeated"]] == ["disc/again.jpg"]
    split_of = {row["group"]: row["split"] for row in table(prepared)}
    of_discs = [row for row in table(prepared) if row["label"] == "disc"]
    assert len(of_discs) == 16
    assert len({row["group"] for row in of_discs}) == 8
    assert all(split_of[row["group"]] == row["split"] for row in of_discs)


def test_pairs_are_found_however_many_pictures_lie_between(tmp_path):
    import numpy as np

    random = np.random.default_rng(3)
    pictures = random.integers(0, 255, (400, 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    noisy = np.clip(pictures[:20] + random.integers(-6, 7, pictures[:20].shape), 0, 255)
    prints = [duplicates.fingerprint(rgb.astype(np.uint8)) for rgb in (*pictures, *noisy)]
    pairs = duplicates.near_pairs(*(np.stack(parts) for parts in zip(*prints, strict=True)))
    assert pairs == [(n, 400 + n) for n in range(20)]


def test_unreadable_files_and_lone_labels_are_named_and_left_out(prepare, tmp_path):
    place = draw_folder(tmp_path / "photos", each=6)
    (place / "disc" / "broken.jpg").write_bytes((place / "disc" / "0.jpg").read_bytes()[:500])
    (place / "box" / "notes.jpg").write_text("no picture")
    draw(place / "lone" / "0.jpg", "wedge", 99)
    (place / "disc" / ".hidden.jpg").write_text("not looked at")
    Image.new("CMYK", (90, 400), (10, 200, 30, 0)).save(place / "box" / "cmyk.jpg")
    found = report(prepared := prepare(place))
    assert sorted(entry["path"] for entry in found["unreadable"]) == ["box/notes.jpg", "disc/broken.jpg"]
    assert found["labels_of_one_photo"] == ["lone"]
    assert {row["label"] for row in table(prepared)} == {"disc", "box", "wedge"}
    assert (
        "`disc/broken.jpg` of own (disc): The JPEG picture is cut off" in (prepared / "report.md").read_text()
    )


def test_a_picture_under_two_labels_is_learned_as_neither(prepare, tmp_path):
    place = draw_folder(tmp_path / "photos", each=6)
    (place / "box" / "wrong.jpg").write_bytes((place / "disc" / "0.jpg").read_bytes())
    prepared = prepare(place)
    assert [entry["path"] for entry in report(prepared)["conflicts"]] == ["box/wrong.jpg", "disc/0.jpg"]
    assert len(table(prepared)) == 17


@pytest.mark.parametrize(
    ("rows", "header", "sentence"),
    [
        (["a.jpg,1"], "file,label", "photos.csv lacks the columns image."),
        (
            ["0.jpg,a,9"], "image,label,price",
            "photos.csv has unknown columns: price; known are image, label, color, material, pattern, "
            "defects, group.",
        ),
        (["0.jpg,a", "gone.jpg,a", "lost.jpg,b"], "image,label",
         "photos.csv names 2 image files that are not there: gone.jpg, lost.jpg."),
        (["0.jpg,a,mauve"], "image,label,color",
         'Line 2 of photos.csv: color "mauve" is unknown; known are black, white, gray, red, orange, yellow, '
         "green, blue, purple, pink, brown, beige, multicolor."),
        (["0.jpg,a,scratch;bite"], "image,label,defects",
         'Line 2 of photos.csv: defects "bite" is unknown; known are scratch, dent, missing_part, '
         "discoloration, stain, crack, tear, other."),
        (["0.jpg,"], "image,label", "photos.csv holds a photo with an empty label."),
        (["0.jpg"], "image,label", "Line 2 of photos.csv has not as many columns as the header."),
        ([], "image,label",
         "{place} holds no photos: folders named after labels, with pictures in them."),
    ],
)  # fmt: skip
def test_a_csv_that_cannot_be_used_is_refused_in_a_sentence(refusal, tmp_path, rows, header, sentence):
    draw(tmp_path / "0.jpg", "disc", 0)
    place = write_csv(tmp_path, *rows, header=header)
    assert refusal(place) == f"No manifest was written: {sentence.format(place=place)}"


def test_a_folder_that_cannot_be_used_is_refused_in_a_sentence(refusal, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty holds no photos" in refusal(tmp_path / "empty")
    assert "nowhere does not exist." in refusal(tmp_path / "nowhere")


def test_without_any_source_the_variables_are_named(repository, tmp_path):
    done = process("manifest", "--out", tmp_path / "m", *SOURCES, repository=repository)
    assert (done.returncode, done.stderr) == (
        1, "No manifest was written: no source is there; set IMAGINEAI_PHOTOS or IMAGINEAI_DATA.\n"
    )  # fmt: skip


def test_too_few_photos_are_refused_with_what_was_left_out(refusal, tmp_path):
    place = draw_folder(tmp_path / "photos", each=2)
    (place / "disc" / "broken.jpg").write_text("no picture")
    assert refusal(place, last="prepare") == (
        "No data set was written: 6 usable photos of 3 labels are too few; at least 10 photos of two labels "
        "are needed; 1 files are unreadable (disc/broken.jpg)."
    )


def test_a_label_that_would_lie_in_one_split_is_refused(refusal, tmp_path):
    draw_folder(tmp_path, each=6)
    rows = [f"box/{n}.jpg,box,one" for n in range(6)] + [f"disc/{n}.jpg,disc,{n}" for n in range(6)]
    assert refusal(write_csv(tmp_path, *rows, header="image,label,group"), last="prepare") == (
        "No data set was written: all photos of box belong to one group, so they would lie in one split and "
        "could not be judged; add photos of other groups, or leave the label out."
    )


def test_a_disk_that_fills_leaves_nothing_half_written(refusal, tmp_path):
    place = draw_folder(tmp_path / "photos", each=6)

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))

    assert refusal(place, last="prepare", preexec_fn=no_room).startswith(
        "No data set was written: [Errno 27]"
    )


def test_large_groups_leave_every_label_its_share():
    sizes = {"a": [400, 260, 150, 90, 60, 30, 10, *[1] * 50], "b": [80, 40, 20, 10, *[1] * 20]}
    names = [label for label, groups in sizes.items() for size in groups for _ in range(size)]
    numbers = [
        1000 * which + number
        for which, groups in enumerate(sizes.values())
        for number, size in enumerate(groups)
        for _ in range(size)
    ]
    placed = splits.split(names, numbers, (0.7, 0.12, 0.18), seed=1)
    for label in sizes:
        of_label = [split for split, name in zip(placed, names, strict=True) if name == label]
        shares = [of_label.count(split) / len(of_label) for split in splits.SPLITS]
        assert shares == pytest.approx((0.7, 0.12, 0.18), abs=0.04)
    assert len(set(zip(numbers, placed, strict=True))) == len(set(numbers))


def test_two_groups_are_enough_for_training_and_judging():
    assert sorted(splits.split(["a", "a"], [0, 1], (0.7, 0.12, 0.18), seed=1)) == ["test", "train"]
    with pytest.raises(DataError, match="all photos of a belong to one group"):
        splits.split(["a", "a"], [0, 0], (0.7, 0.12, 0.18), seed=1)


def test_a_label_keeps_its_training_photos_when_another_label_gets_photos_to_be_judged_on():
    names = ["a", *["b"] * 3, *["c"] * 3, "a", "b", "c", "c"]
    numbers = [0, *[1] * 6, *[2] * 4]
    placed = splits.split(names, numbers, (0.7, 0.12, 0.18), seed=1)
    assert {name for name, split in zip(names, placed, strict=True) if split == "train"} == {"a", "b", "c"}
    assert {name for name, split in zip(names, placed, strict=True) if split == "test"} == {"a", "b", "c"}


@pytest.mark.parametrize("seed", range(8))
def test_however_groups_hang_together_every_label_has_training_photos(seed):
    chance = random.Random(seed)
    held = [
        (label, group) for label in "abcde" for group in chance.sample(range(7), chance.choice([2, 2, 3]))
    ]
    photos = [photo for photo in held for _ in range(chance.choice([1, 2, 8]))]
    names, numbers = zip(*photos, strict=True)
    placed = splits.split(names, numbers, (0.7, 0.12, 0.18), seed=1)
    assert {name for name, split in zip(names, placed, strict=True) if split == "train"} == {*"abcde"}


def test_the_split_of_photos_that_could_be_learned_and_judged_before_stays_as_it_was():
    chance = random.Random(40)  # whose split lacks two labels before it is filled
    labels = [chance.sample("abcdef", chance.choice([1, 1, 2])) for _ in range(24)]
    held = [(label, group) for group, some in enumerate(labels) for label in some]
    photos = [photo for photo in held for _ in range(chance.choice([1, 2, 8, 30]))]
    names, numbers = zip(*photos, strict=True)
    placed = splits.split(names, numbers, (0.7, 0.12, 0.18), seed=1)
    assert hashlib.sha256(" ".join(placed).encode()).hexdigest()[:16] == "cec71b16a69e8b6c"


def test_of_groups_that_hang_together_too_closely_a_label_lacks_photos_to_be_judged_on():
    names, numbers = ["a", "b", "b", "c", "c", "a"], [0, 0, 1, 1, 2, 2]
    placed = splits.split(names, numbers, (0.7, 0.12, 0.18), seed=1)
    assert {name for name, split in zip(names, placed, strict=True) if split == "train"} == {"a", "b", "c"}
    assert len({name for name, split in zip(names, placed, strict=True) if split == "test"}) == 2


def test_a_label_is_placed_by_the_taxonomy_or_else_by_its_photos(tmp_path):
    draw(tmp_path / "0.jpg", "disc", 0)
    photos = {"T-Shirt": [], "soap_dispenser": [], "zubble": [tmp_path / "0.jpg"]}
    placed = {row["name"]: row for row in labels.place(photos)}
    assert (placed["T-Shirt"]["category"], placed["T-Shirt"]["subcategory"]) == ("clothing", "tops")
    assert placed["soap_dispenser"]["category"] == "home_garden"
    assert placed["zubble"]["subcategory"] == "zubble"
    assert placed["zubble"]["category"] != "other"


@pytest.mark.photos
def test_the_real_photos_are_split_by_sender(prepare, photos):
    prepared = prepare("", IMAGINEAI_PHOTOS=str(photos))
    rows = table(prepared)
    assert len(rows) > 3000
    assert len({(row["group"], row["split"]) for row in rows}) == len({row["group"] for row in rows})
    for label, counts in report(prepared)["labels"].items():
        assert counts["test"] / sum(counts.values()) == pytest.approx(0.18, abs=0.03), label
