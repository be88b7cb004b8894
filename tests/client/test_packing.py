"""A CSV and its pictures, packed."""

import os
from zipfile import ZipFile

from imagineai_client.packing import packed


def test_files_dated_before_a_zips_first_year_are_packed(tmp_path):
    table, picture = tmp_path / "products.csv", tmp_path / "old.jpg"
    table.write_text("title,image\nMug,old.jpg\n")
    picture.write_bytes(b"a picture")
    for file in (table, picture):
        os.utime(file, (0, 0))
    with packed(table, None) as whole, ZipFile(whole) as archive:
        assert archive.read("products.csv") == table.read_bytes()
        assert archive.read("old.jpg") == b"a picture"
