"""Pictures rendered from 3D models: exact masks and colours, the same for the same seed."""

import csv
import hashlib
import io
import json
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from PIL import Image

from imagineai_vision import picture
from imagineai_vision.engine import Engine
from imagineai_vision.vocabulary import COLORS, MATERIALS
from training import catalogue, pieces
from training.judging.catalogue import judge_rendered
from training.photos import labels
from training.photos.dataset import load_dataset
from training.photos.sources import DataError
from training.renders import fetch, package, stage, studio
from training.renders.camera import develop
from training.renders.facts import main_color
from training.renders.listing import read_listed
from training.renders.making import take_pictures
from training.renders.mesh import BrokenModel, load_obj
from training.renders.optics import Caster
from training.renders.pieces import Article, Piece, read_pieces, shop_articles
from training.renders.recipe import RenderRecipe
from training.renders.rendering import render

RECIPE = RenderRecipe(seed=1, pictures=1, side=48)
MATERIAL = "newmtl {}\nKa 0 0 0\nKd {}\nKs 0 0 0\nNs 10\nd {}\n"
CORNERS = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
SIDES = ((1, 2, 4, 3), (5, 6, 8, 7), (1, 2, 6, 5), (3, 4, 8, 7), (1, 3, 7, 5), (2, 4, 8, 6))
HEADER = "id=Test#models\nname=Test\nlicense=Creative Commons Attribution 3.0 license\n\n"
VARIED = (("Chair", "Living room"), ("Sofa", "Living room"), ("Microwave", "Kitchen"), ("Teapot", "Kitchen"))


def box(low, high, material, before):
    """A box as lines of an OBJ file."""
    corners = [
        [low[axis] + corner[axis] * (high[axis] - low[axis]) for axis in range(3)] for corner in CORNERS
    ]
    lines = ["v {} {} {}".format(*corner) for corner in corners]
    return [
        *lines,
        f"usemtl {material}",
        *("f " + " ".join(str(index + before) for index in side) for side in SIDES),
    ]


def cube(red="0.8 0.05 0.05", opacity=1.0):
    """An OBJ file and its materials: a red box with a small blue one on top."""
    lines = ["mtllib box.mtl", *box((0, 0, 0), (1, 0.8, 1), "Red", 0)]
    lines += box((0.3, 0.8, 0.3), (0.7, 1, 0.7), "Blue", 8)
    materials = MATERIAL.format("Red", red, opacity) + MATERIAL.format("Blue", "0.05 0.05 0.8", opacity)
    return "\n".join(lines) + "\n", materials


def draw_catalogue(folder, names, broken=()):
    """A furniture catalogue of cubes."""
    folder.mkdir(exist_ok=True)
    text = HEADER
    with zipfile.ZipFile(folder / "Test.sh3f", "w") as archive:
        for number, (name, category) in enumerate(names, 1):
            form, materials = cube(red=f"0.8 0.05 {0.05 + number / 100}")
            form = "this is no OBJ file" if name in broken else form
            archive.writestr(f"test/box{number}/box.obj", form)
            archive.writestr(f"test/box{number}/box.mtl", materials)
            text += (
                f"id#{number}=Test#box{number}\nname#{number}={name}\ncategory#{number}={category}\n"
                f"model#{number}=/test/box{number}/box.obj\nwidth#{number}=100\ndepth#{number}=100\n"
                f"height#{number}={90 + number}\ncreator#{number}=Ada\n\n"
            )
        archive.writestr("PluginFurnitureCatalog.properties", text.encode("latin-1"))
    return folder


@pytest.fixture
def mesh(tmp_path):
    form, materials = cube()
    (tmp_path / "box.obj").write_text(form)
    (tmp_path / "box.mtl").write_text(materials)
    return load_obj(tmp_path / "box.obj")


@pytest.fixture
def rendered(tmp_path, monkeypatch):
    """Run both stages on a folder with a catalogue; the answer is the renders' folder and a sentence."""

    def run(place, recipe=RECIPE):
        monkeypatch.setenv(package.VARIABLE, str(place))
        pieces.make(tmp_path / "outputs" / "pieces")
        sentence = stage.make(tmp_path / "outputs" / "renders", tmp_path / "outputs" / "pieces", recipe)
        return tmp_path / "outputs" / "renders", sentence

    return run


def piece():
    return Piece("Test#box", "Chair", "Living room", "Ada", "CC BY 3.0", "test/box/box.obj", (100, 100, 100))


def straight_on(filled=0.5):
    return studio.View(0.0, 0.0, np.radians(20), filled, np.zeros(2, np.float32), 1.0, 0.0)


def shot(mesh, view, background=None):
    rng = np.random.default_rng(0)
    white = studio.Background(None, np.ones(3, np.float32), None, 0.0, 0.0, 0.0)
    return render(mesh, Caster(mesh), view, studio.draw_light(rng), background or white, 64, rng)


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_mask_is_the_product_and_nothing_else(mesh):
    found = shot(mesh, straight_on(filled=0.5))
    rows, columns = np.nonzero(found.mask)
    # The near side of the box fills half of the picture; the small box on it is narrower and further away.
    assert (columns.min(), columns.max() + 1) == (16, 48)
    assert found.mask[40, 16:48].all()
    assert found.mask[rows.min(), 32]
    assert not found.mask[rows.min(), 18]
    assert (found.light[~found.mask].min(axis=0) > 0.5).all()
    inner = found.mask & np.roll(found.mask, 1, 0) & np.roll(found.mask, -1, 0)
    assert (
        found.light[inner & np.roll(found.mask, 1, 1) & np.roll(found.mask, -1, 1)].min(axis=1) < 0.5
    ).all()


def test_a_shadow_is_no_part_of_the_mask(mesh):
    view = studio.View(0.3, 0.5, np.radians(20), 0.5, np.zeros(2, np.float32), 1.0, 0.0)
    white = np.ones(3, np.float32)
    plain = shot(mesh, view)
    shaded = shot(mesh, view, studio.Background(white, white, None, 1.0, 0.0, 0.0))
    assert (plain.mask == shaded.mask).all()
    darker = ~plain.mask & (shaded.light.mean(axis=2) < plain.light.mean(axis=2) - 0.1)
    assert darker.sum() > 50


def test_the_color_is_that_of_the_material_that_is_seen_most(mesh):
    found = shot(mesh, straight_on())
    assert main_color(found) == "red"
    assert found.albedo[45, 32] == pytest.approx([204, 12.75, 12.75], abs=1)
    above = studio.View(0.0, np.radians(88), np.radians(20), 0.9, np.zeros(2, np.float32), 1.0, 0.0)
    assert shot(mesh, above).albedo[32, 32] == pytest.approx([12.75, 12.75, 204], abs=1)


def test_what_one_looks_through_has_no_color(tmp_path):
    form, materials = cube(opacity=0.1)
    (tmp_path / "box.obj").write_text(form)
    (tmp_path / "box.mtl").write_text(materials)
    found = shot(load_obj(tmp_path / "box.obj"), straight_on())
    assert found.mask.any()
    assert main_color(found) == ""


def test_the_same_seed_makes_the_same_bytes_and_another_seed_another_picture(mesh):
    article = Article("chair", is_hung=False, material="")
    first, again, other = (
        take_pictures(mesh, piece(), article, RenderRecipe(seed, 2, 48)) for seed in (1, 1, 2)
    )
    assert [(one.jpeg, one.mask) for one in first] == [(one.jpeg, one.mask) for one in again]
    jpegs = {one.jpeg for one in (*first, *other)}
    assert len(jpegs) == 4


def test_a_picture_is_what_the_camera_saw(mesh):
    found = shot(mesh, straight_on())
    camera = studio.Camera(0.0, np.ones(3, np.float32), 0.01, 95)
    rgb = np.asarray(Image.open(io.BytesIO(develop(found.light, camera, np.random.default_rng(0)))))
    red, green, blue = rgb[45, 32].astype(int)
    assert red > green + 60
    assert red > blue + 60
    assert rgb[2, 2].min() > 230


def test_pictures_masks_and_licences_are_written_for_each_3d_model(rendered, tmp_path):
    folder, sentence = rendered(draw_catalogue(tmp_path / "models", VARIED), RenderRecipe(1, 2, 48))
    rows = table(folder / "renders.csv")
    assert sentence == "8 pictures of 4 3D models."
    assert {(row["group"], row["label"]) for row in rows} == {
        ("Test#box1", "chair"), ("Test#box2", "sofa"), ("Test#box3", "microwave"), ("Test#box4", "teapot"),
    }  # fmt: skip
    assert {row["color"] for row in rows} == {"red"}
    for row in rows:
        data = (folder / row["image"]).read_bytes()
        with Image.open(folder / "masks" / f"{hashlib.sha256(data).hexdigest()}.png") as mask:
            assert mask.size == (picture.examine(data).width, picture.examine(data).height)
    assert table(folder / "licences.csv")[0] == {
        "group": "Test#box1", "name": "Chair", "author": "Ada", "licence": "CC BY 3.0",
    }  # fmt: skip


def test_a_3d_model_never_lies_in_two_splits(rendered, tmp_path):
    folder, _ = rendered(draw_catalogue(tmp_path / "models", VARIED * 4), RenderRecipe(1, 2, 48))
    catalogue.make(tmp_path / "catalogue", folder, seed=1, validation=0.2, test=0.3)
    group_of = {
        hashlib.sha256((folder / row["image"]).read_bytes()).hexdigest(): row["group"]
        for row in table(folder / "renders.csv")
    }
    splits = {}
    for row in table(tmp_path / "catalogue" / "photos.csv"):
        splits.setdefault(group_of[row["photo"].split(".")[0]], set()).add(row["split"])
    assert len(splits) == 16
    assert all(len(found) == 1 for found in splits.values())
    assert {"train", "test"} <= set().union(*splits.values())
    assert (
        "CC BY 3.0; their 1 authors stand in licences.csv"
        in (tmp_path / "catalogue" / "report.md").read_text()
    )


def test_a_broken_3d_model_is_named_and_left_out(rendered, tmp_path):
    folder, sentence = rendered(draw_catalogue(tmp_path / "models", VARIED, broken=("Sofa",)))
    assert "3 pictures of 3 3D models." in sentence
    assert "Left out: Test#box2, as box.obj" in sentence
    assert list(json.loads((folder / "record.json").read_text())["broken"]) == ["Test#box2"]
    assert {row["group"] for row in table(folder / "renders.csv")} == {"Test#box1", "Test#box3", "Test#box4"}


def test_a_3d_model_without_a_clear_label_is_left_out_and_counted(monkeypatch, tmp_path):
    names = (*VARIED, ("Boy", "Characters"))
    monkeypatch.setenv(package.VARIABLE, str(draw_catalogue(tmp_path / "models", names)))
    assert "4 3D models of 4 labels; 1 are left out" in pieces.make(tmp_path / "pieces")
    assert json.loads((tmp_path / "pieces" / "record.json").read_text())["left_out"] == {"Characters: Boy": 1}
    assert len(read_listed(tmp_path / "pieces")) == 4


def test_an_absent_source_is_named_and_leaves_all_else_in_peace(monkeypatch, tmp_path):
    monkeypatch.delenv(package.VARIABLE, raising=False)
    assert pieces.make(tmp_path / "pieces") == (
        "IMAGINEAI_MODELS_3D is not set, so that no pictures are rendered: this source is left aside."
    )
    assert "left aside" in stage.make(tmp_path / "renders", tmp_path / "pieces", RECIPE)
    assert "left aside" in catalogue.make(tmp_path / "catalogue", tmp_path / "renders", 1, 0.1, 0.2)
    dataset = load_dataset(tmp_path / "catalogue")
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (0, 0, 0)
    assert judge_rendered(None, dataset) is None


def test_models_that_changed_meanwhile_are_refused(monkeypatch, tmp_path):
    place = draw_catalogue(tmp_path / "models", VARIED)
    monkeypatch.setenv(package.VARIABLE, str(place))
    pieces.make(tmp_path / "pieces")
    draw_catalogue(place, VARIED[:3])
    with pytest.raises(DataError, match="changed meanwhile"):
        stage.make(tmp_path / "renders", tmp_path / "pieces", RECIPE)
    assert not list(tmp_path.glob("renders*"))


def test_a_package_that_is_not_the_listed_one_is_refused(monkeypatch, tmp_path):
    deb = tmp_path / "sweethome3d-furniture_1.8-1_all.deb"
    deb.write_bytes(b"another package")
    package.write_sum(deb, "0" * 64)
    monkeypatch.setenv(package.VARIABLE, str(deb))
    with pytest.raises(DataError, match=r"is not the package that was listed: its SHA-256 is [0-9a-f]{64}"):
        pieces.make(tmp_path / "pieces")
    assert not list(tmp_path.glob("pieces*"))


def test_fetching_leaves_the_sum_that_the_index_lists(monkeypatch, tmp_path):
    content = b"the package"
    answers = {
        "apt-cache": f"Package: x\nSHA256: {hashlib.sha256(content).hexdigest()}\n",
        "apt-get": "",
    }

    def run_tool(*command, folder=None):
        if command[0] == "apt-get":
            (folder / "sweethome3d-furniture_9_all.deb").write_bytes(content)
        return answers[command[0]]

    monkeypatch.setattr(package, "run_tool", run_tool)
    monkeypatch.setattr(fetch, "run_tool", run_tool)
    deb = fetch.fetch(tmp_path / "models")
    assert package.check(deb) == hashlib.sha256(content).hexdigest()
    deb.write_bytes(b"altered since")
    with pytest.raises(DataError, match="fetch it again"):
        package.check(deb)


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb comes with Debian and Ubuntu")
def test_a_package_is_unpacked_while_it_is_read(tmp_path):
    root = tmp_path / "root"
    draw_catalogue(root, VARIED)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        "Package: models\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: models\n"
    )
    deb = tmp_path / "models.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, deb], check=True, capture_output=True)
    package.write_sum(deb, package.sha256_of(deb))
    with package.catalogue_files(deb) as found:
        assert [len(read_pieces(path)) for path in found] == [4]
    assert not found[0].exists()


def test_every_label_of_the_table_is_one_of_the_taxonomy():
    known = {row["shop_label"]: row["category"] for row in labels.taxonomy()}
    articles = shop_articles()
    assert len(articles) > 300
    assert {article.label for article in articles.values()} <= set(known)
    assert {article.material for article in articles.values()} <= {"", *MATERIALS}
    assert "other" not in {known[article.label] for article in articles.values()}


def test_rendered_products_are_judged_by_category_and_color(starter, rendered, tmp_path):
    folder, _ = rendered(draw_catalogue(tmp_path / "models", VARIED * 3), RenderRecipe(1, 1, 64))
    catalogue.make(tmp_path / "catalogue", folder, seed=1, validation=0.2, test=0.3)
    dataset = load_dataset(tmp_path / "catalogue")
    engine = Engine.open(starter, device="cpu")
    found = judge_rendered(engine, dataset)
    answers = [engine.predict(path.read_bytes()) for path in dataset.test.paths]
    truth = [dataset.labels[label].category for label in dataset.test.labels]
    right = [answer.category == name for answer, name in zip(answers, truth, strict=True)]
    assert found.served.value == pytest.approx(np.mean(right))
    assert found.other.value == pytest.approx(np.mean([answer.category == "other" for answer in answers]))
    colors = [next(a.value for a in answer.attributes if a.name == "color") for answer in answers]
    assert set(colors) <= set(COLORS)
    assert found.color.value == pytest.approx(np.mean([color == "red" for color in colors]))
    assert found.as_metrics()["catalogue_models"] == len(set(dataset.test.groups))
    assert "category right as served" in found.as_markdown()


def test_an_obj_file_without_triangles_is_broken(tmp_path):
    (tmp_path / "box.obj").write_text("v 0 0 0\n")
    with pytest.raises(BrokenModel, match=r"box\.obj"):
        load_obj(tmp_path / "box.obj")
