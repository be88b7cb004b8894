"""``GET /exports/{table}``: all that a user has as a file, beside the reference."""

import csv
import io
import json
from datetime import datetime

import httpx
import pyarrow
import pytest
from psycopg.types.json import Jsonb
from pyarrow import parquet

from imagineai_api.exports import writers

TABLES = ("products", "analyses", "defects")
BOX = {"x": 1, "y": 2, "width": 30, "height": 4}
PRODUCTS = """
INSERT INTO products (id, user_id, title)
SELECT gen_random_uuid(), %s, 'Number ' || n FROM generate_series(1, %s) n
"""
WITHOUT = """
WITH seen AS (
    SELECT id FROM analyses WHERE product_image_id = %(image)s
), no_attributes AS (
    DELETE FROM extracted_attributes USING seen WHERE analysis_id = seen.id
)
DELETE FROM detected_defects USING seen WHERE analysis_id = seen.id
"""
FOUND = """
WITH found AS (
    UPDATE analyses SET defects = 1, defect_score = 0.9 WHERE product_image_id = %(image)s RETURNING id
), seen AS (
    INSERT INTO extracted_attributes (id, analysis_id, position, attribute_name, attribute_value, confidence)
    SELECT gen_random_uuid(), id, n, 'color', (ARRAY['red', 'blue'])[n], 0.5
    FROM found, generate_series(1, 2) n
)
INSERT INTO detected_defects
    (id, analysis_id, position, defect_type, severity, confidence, bounding_box, description)
SELECT gen_random_uuid(), id, 0, 'scratch', 'low', 0.75, %(box)s, 'A scratch.' FROM found
"""


def exported(user, table, written_as="csv"):
    answer = user.http.get(f"/exports/{table}", params={"format": written_as})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{table}-')
    assert answer.headers["Content-Disposition"].endswith(f'.{written_as}"')
    return answer


def rows(user, table):
    return list(csv.DictReader(io.StringIO(exported(user, table).text, newline="")))


def lines(user, table):
    return [json.loads(line) for line in exported(user, table, "jsonl").text.splitlines()]


def as_parquet(user, table):
    return parquet.read_table(io.BytesIO(exported(user, table, "parquet").content))


@pytest.fixture(scope="module")
def mine(user, database):
    """A product with an analysed image in which a defect was seen, and a later one without any."""
    first = user.product(title="Blue mug", description='Says "hello",\nand a line more')
    image_id = user.analysed(first["id"])["image_id"]
    database.execute(WITHOUT, {"image": image_id})
    database.execute(FOUND, {"image": image_id, "box": Jsonb(BOX)})
    return first, image_id, user.product(title="Without a photo", category="toys")


def test_each_table_has_a_row_for_each_of_mine(user, mine):
    first, image_id, second = mine
    products = rows(user, "products")
    assert [row["product_id"] for row in products] == [second["id"], first["id"]]
    assert [row["images"] for row in products] == ["0", "1"]
    assert products[1]["description"] == first["description"]
    assert products[0]["category"] == "toys"
    assert products[0]["ai_description"] == ""
    (analysis,) = rows(user, "analyses")
    told = user.analysis(image_id)
    assert (analysis["product_title"], analysis["image_id"]) == ("Blue mug", image_id)
    assert analysis["classification_label"] == told["classification_label"]
    assert float(analysis["classification_confidence"]) == told["classification_confidence"]
    assert analysis["color"] == "red; blue"
    assert analysis["updated_at"] == told["updated_at"]
    (defect,) = rows(user, "defects")
    assert {side: int(defect[side]) for side in BOX} == BOX
    assert (defect["defect_type"], defect["severity"], defect["confidence"]) == ("scratch", "low", "0.75")


@pytest.mark.parametrize("table", TABLES)
def test_the_three_formats_say_the_same(user, mine, table):
    as_lines = lines(user, table)
    assert [
        {name: "" if value is None else str(value) for name, value in line.items()} for line in as_lines
    ] == rows(user, table)
    typed = as_parquet(user, table).to_pylist()
    for row in typed:
        for name, value in row.items():
            if isinstance(value, datetime):
                row[name] = value.isoformat().replace("+00:00", "Z")
    assert typed == as_lines


def test_a_parquet_file_has_types_and_may_have_many_groups(user, mine, monkeypatch):
    kinds = {field.name: field.type for field in as_parquet(user, "analyses").schema}
    assert kinds["classification_confidence"] == pyarrow.float64()
    assert kinds["defects"] == pyarrow.int64()
    assert kinds["updated_at"] == pyarrow.timestamp("us", tz="UTC")
    assert kinds["material"] == pyarrow.string()
    monkeypatch.setattr(writers, "ROWS_A_GROUP", 2)
    writer = writers.ParquetWriter({"text": writers.Float()})
    pieces = [writer.write([(0.5,), (None,), (1.5,)]) for _ in range(2)] + [
        writer.write([(2.5,)]),
        writer.end(),
    ]
    assert all(pieces[:2])
    file = parquet.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert file.metadata.num_row_groups == 3
    assert file.read().to_pydict() == {"text": [0.5, None, 1.5, 0.5, None, 1.5, 2.5]}


def test_nothing_of_anybody_elses_is_in_it(new_user, user, mine):
    other = new_user()
    theirs = other.product(title="Theirs")
    assert [row["product_id"] for row in rows(other, "products")] == [theirs["id"]]
    assert theirs["id"] not in exported(user, "products").text
    for table in TABLES[1:]:
        assert rows(other, table) == []


def test_no_cell_is_a_formula(new_user):
    owner = new_user()
    titles = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a=1"]
    for title in titles:
        owner.product(title=title)
    assert {row["title"] for row in rows(owner, "products")} == {f"'{title}" for title in titles[:-1]} | {
        "a=1"
    }
    assert {line["title"] for line in lines(owner, "products")} == set(titles)
    assert set(as_parquet(owner, "products").to_pydict()["title"]) == set(titles)


@pytest.mark.parametrize("many", [199, 200, 401])
def test_every_product_comes_once_over_many_pages(new_user, database, many):
    owner = new_user()
    database.execute(PRODUCTS, (owner.id, many))  # all at one moment: their ids alone tell them apart
    titles = [row["title"] for row in rows(owner, "products")]
    assert sorted(titles) == sorted(f"Number {n}" for n in range(1, many + 1))


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_catalogue_has_the_header_alone(new_user, table):
    owner = new_user()
    assert len(exported(owner, table).text.splitlines()) == 1
    assert exported(owner, table, "jsonl").text == ""
    assert as_parquet(owner, table).num_rows == 0


def test_what_breaks_off_does_not_look_whole(new_user, database, second):
    """The database goes away while somebody reads a file that is larger than what lies between the two."""
    owner = new_user()
    database.execute(PRODUCTS, (owner.id, 3000))
    database.execute("UPDATE products SET description = repeat('x', 10000) WHERE user_id = %s", (owner.id,))
    signed = {"Authorization": f"Bearer {owner.access_token}"}
    address = f"{second.url}/api/v1/exports/products"
    with httpx.stream("GET", address, headers=signed, timeout=60) as answer:
        assert answer.status_code == 200
        pieces = answer.iter_raw()
        next(pieces)
        with second.lines["database"].cut(), pytest.raises(httpx.RemoteProtocolError):
            for _ in pieces:
                pass
    assert second.ready().status_code == 200
