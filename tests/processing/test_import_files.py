"""What somebody may send to be imported: read row by row, refused in a sentence, never believed."""

import codecs
import io
import random
import struct
import uuid
import zipfile

import pytest

from imagineai_api.errors import Invalid
from imagineai_api.imports import table_file
from imagineai_api.imports.archive import Archive
from imagineai_api.settings import Settings
from tests.contract.importing import as_csv, as_zip

SMALL = Settings(
    import_max_rows=50, import_max_csv_bytes=1000, import_max_unpacked_bytes=60_000_000, _env_file=None
)
TABLE = b"title,image\nMug,mug.jpg\n"
PLAIN = "image must be a plain path, such as mugs/blue.jpg."


def archive(content, settings=SMALL):
    return Archive(io.BufferedReader(io.BytesIO(content)), settings)


def rows(content):
    return list(archive(content).rows())


def lines(content, folder=""):
    return list(table_file.read(io.BytesIO(content), folder))


def flagged(content, flag):
    """A zip whose members carry a flag."""
    changed = bytearray(content)
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        changed[changed.find(mark) + offset] |= flag
    return bytes(changed)


def declared(content, size):
    """A zip whose members declare to be so large."""
    changed, at = bytearray(content), -1
    while (at := changed.find(b"PK\1\2", at + 1)) >= 0:
        struct.pack_into("<I", changed, at + 24, size)
    return bytes(changed)


def damaged(files):
    """A zip in which not every byte is as it was packed."""
    return as_zip(files, zipfile.ZIP_STORED).replace(b"Mug", b"Bug", 1)


def named(*names):
    """A zip with names that ``zipfile`` itself would not write."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name in names:
            packed.writestr(zipfile.ZipInfo(name), b"x")
    return content.getvalue()


def with_a_large_directory():
    """A zip whose end says that its directory has a megabyte."""
    content = bytearray(as_zip({"mug.jpg": bytes(2_000_000)}, zipfile.ZIP_STORED))
    struct.pack_into("<I", content, content.rfind(b"PK\5\6") + 12, 1_000_000)
    return bytes(content)


ARCHIVES = {
    "nothing": (b"", "no zip archive"),
    "text": (b"Hello" * 100, "no zip archive"),
    "half a zip": (as_zip({"mug.jpg": b"x" * 999})[:-100], "no zip archive"),
    "more files than rows may be": (as_zip({f"{n}.jpg": b"" for n in range(51)}), "more than 50 files"),
    "a bomb": (declared(as_zip({f"{n}.jpg": bytes(9999) for n in range(3)}), 30_000_000), "over 60,000,000"),
    "a large directory": (with_a_large_directory(), "directory is too large"),
    "two tables": (as_zip({"a.csv": TABLE, "more/b.csv": TABLE}), "more than one CSV: a.csv and more/b.csv"),
    "a large table": (as_zip({"a.csv": TABLE + b" " * 1000}), "a.csv: The CSV is over 1,000 bytes."),
    "an encrypted table": (flagged(as_zip({"a.csv": TABLE}), 1), "a.csv: It is encrypted."),
    "a damaged table": (damaged({"a.csv": TABLE}), "a.csv: It is damaged in the archive."),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_an_archive_that_cannot_be_taken_is_refused_in_a_sentence(case):
    content, says = ARCHIVES[case]
    with pytest.raises(Invalid) as refused:
        rows(content)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (flagged(as_zip({"mug.jpg": b"x"}), 1), "It is encrypted."),
        (
            as_zip({"mug.jpg": b"x"}, zipfile.ZIP_LZMA),
            "It is packed by another method than stored or deflated.",
        ),
        (declared(as_zip({"mug.jpg": b"x"}), 50_000_001), "The file is over 50,000,000 bytes."),
        (damaged({"mug.jpg": b"Mug"}), "It is damaged in the archive."),
        (as_zip({"mug.jpg": b"x"}).replace(b"mug.jpg", b"bug.jpg", 1), "It is damaged in the archive."),
        (as_zip({"other.jpg": b"x"}), "The archive has no such file."),
    ],
)
def test_a_picture_that_cannot_be_unpacked_says_why(content, says):
    with pytest.raises(Invalid) as refused:
        archive(content).read("mug.jpg")
    assert str(refused.value) == says


def test_a_picture_never_comes_out_larger_than_it_declares():
    content = declared(as_zip({"mug.jpg": bytes(1_000_000)}), 100)
    with pytest.raises(Invalid):
        archive(content).read("mug.jpg")


def test_a_picture_may_be_larger_than_a_directory():
    photo = random.Random(0).randbytes(1_000_000)
    assert archive(as_zip({"mug.jpg": photo}, zipfile.ZIP_STORED)).read("mug.jpg") == photo


@pytest.mark.parametrize(
    "name",
    ["../mug.jpg", "/etc/mug.jpg", "a/../../mug.jpg", "a\\..\\mug.jpg", "a//mug.jpg", "x" * 976 + ".jpg"],
)
def test_a_name_that_leads_out_of_its_folder_is_no_row_that_is_tried(name):
    (row,) = rows(named(name))
    assert row.reason == PLAIN


def test_a_path_may_be_as_long_as_a_key_of_s3_leaves_it():
    path = "x" * 975 + ".jpg"
    assert len(f"imports/{uuid.uuid4()}/{path}") == 1024
    (row,) = rows(named(path))
    assert row.reason is None


def test_a_picture_is_read_by_its_very_name():
    content = as_zip({" Mugs /blue.jpg": b"x"})
    (row,) = rows(content)
    assert archive(content).read(row.image) == b"x"
    assert row.title == "Mugs"


def test_a_picture_without_a_name_has_its_ending_as_title():
    (row,) = rows(as_zip({" .jpg": b"x"}))
    assert row.title == ".jpg"


def test_what_systems_put_beside_the_files_is_passed_over():
    files = ("mug.jpg", ".DS_Store", "__MACOSX/._mug.jpg", "a/Thumbs.db", "a/.hidden/mug.jpg", "empty/")
    assert [row.image for row in rows(named(*files))] == ["mug.jpg"]


def test_a_name_may_begin_at_the_folder_that_was_packed():
    content = as_zip({"./mugs/blue.jpg": b"x"})
    assert [row.image for row in rows(content)] == ["mugs/blue.jpg"]
    assert archive(content).read("mugs/blue.jpg") == b"x"


def test_a_folder_is_the_title_and_without_one_the_name():
    found = {
        row.image: (row.title, row.product_key) for row in rows(named("a/b/1.jpg", "c/b/2.jpg", "mug.jpg"))
    }
    assert found == {
        "a/b/1.jpg": ("b", "path:a/b"),
        "c/b/2.jpg": ("b", "path:c/b"),
        "mug.jpg": ("mug", "path:mug.jpg"),
    }


TABLES = {
    "nothing": (b"", "The CSV is empty"),
    "an empty line": (b"\n", "The CSV is empty"),
    "no image": (b"title,picture\nMug,a.jpg\n", "The CSV has no column image."),
    "a column twice": (b"title,image,Title\n", "The CSV has the column title more than once."),
    "two names for the key": (b"title,image,key,sku\n", "The CSV has the column key more than once."),
    "Latin-1": ("title,image\nGr\xfcn,a.jpg".encode("latin-1"), "text in UTF-8"),
    "UTF-16": ("title,image\n".encode("utf-16"), "text in UTF-8"),
    "an open quote": (b'title,image\n"Mug,a.jpg\n', "The CSV cannot be read"),
    "a cell without end": (b"title,image\n" + b"x" * 200_000, "The CSV cannot be read"),
}


@pytest.mark.parametrize("case", TABLES)
def test_what_is_no_table_is_refused_in_a_sentence(case):
    content, says = TABLES[case]
    with pytest.raises(Invalid) as refused:
        lines(content)
    assert says in str(refused.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_table_has_a_mark_or_none_and_any_of_three_delimiters(delimiter, mark):
    told = [{"title": "Tasse, grün; groß\tfein", "image": "a.jpg", "SKU ": "T-1", "price": "9"}]
    (row,) = lines(mark + as_csv(told, ("SKU ", "price", "title", "image"), delimiter))
    assert (row.number, row.key, row.title, row.reason) == (2, "T-1", told[0]["title"], None)


def test_rows_are_numbered_as_a_spreadsheet_does():
    text = b'title,image\nMug,1.jpg\n\n"Mug\nof two lines",2.jpg\n,\nPlate,3.jpg\n'
    assert [(row.number, row.image) for row in lines(text)] == [(2, "1.jpg"), (4, "2.jpg"), (6, "3.jpg")]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"title": " "}, "title is missing."),
        ({"image": ""}, "image is missing."),
        ({"title": "x" * 501}, "title: String should have at most 500 characters."),
        ({"title": "a\0b"}, "title: must not contain the NUL character."),
        ({"category": "c" * 101}, "category: String should have at most 100 characters."),
        ({"key": "k" * 201}, "key: String should have at most 200 characters."),
        ({"image": "../mug.jpg"}, PLAIN),
        ({"image": "s3://bucket/mug.jpg"}, PLAIN),
    ],
)
def test_a_row_that_is_wrong_says_what(cells, says):
    told = {"title": "Mug", "image": "mug.jpg", "key": "M-1", "category": "kitchen", **cells}
    wrong, right = lines(as_csv([told, {"title": "Mug", "image": "mug.jpg"}], tuple(told)))
    assert (wrong.reason, right.reason) == (says, None)


def test_a_row_is_known_by_its_key_and_picture_else_by_its_picture():
    told = [
        {"title": "Mug", "image": "mug.jpg", "key": "M-1"},
        {"title": "Mug", "image": "mug.jpg", "key": ""},
        {"title": "Mug", "image": "mine/mug.jpg", "key": ""},
    ]
    keyed, plain, below = lines(as_csv(told, ("title", "image", "key")), "mine/")
    assert (keyed.product_key, keyed.image_key) == ("key:M-1", "M-1\nmug.jpg")
    assert (plain.product_key, plain.image_key) == ("title:Mug", "mug.jpg")
    assert below.image_key == plain.image_key
