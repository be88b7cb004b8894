"""What tests of imports need: files as people make them, and an import taken from its file to its end."""

import csv
import io
import zipfile

from tests.contract.wire import ENDED, eventually, put

TYPES = {"csv": "text/csv", "zip": "application/zip"}


def as_csv(rows, columns=("title", "image"), delimiter=","):
    """A CSV of these rows."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_zip(files, method=zipfile.ZIP_DEFLATED):
    """A zip of files by their names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, file in files.items():
            archive.writestr(name, file)
    return content.getvalue()


def announced(user, name, content):
    """An import whose file was PUT and that was not started."""
    answer = user.http.post("/imports", json={"filename": name, "file_size_bytes": len(content)})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    put(made["upload_url"], content, made["content_type"])
    return made


def of_prefix(user, prefix):
    """An import of the user's folder that was not started."""
    answer = user.http.post("/imports", json={"prefix": prefix})
    assert answer.status_code == 201, answer.text
    return answer.json()


def started(user, made):
    """The same import, started."""
    answer = user.http.post(f"/imports/{made['id']}/start")
    assert answer.status_code == 200, answer.text
    return answer.json()


def seen(user, made):
    """How an import stands."""
    answer = user.http.get(f"/imports/{made['id']}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(user, made, patience_s=180):
    """An import once it has ended."""
    return eventually(lambda: seen(user, made), lambda now: now["status"] in ENDED, patience_s)


def imported(user, name, content):
    """A file taken the whole way."""
    return ended(user, started(user, announced(user, name, content)))


def counts(done):
    """How many rows there were, were imported, were known already, and failed."""
    return tuple(done[f"{kind}_rows"] for kind in ("total", "imported", "skipped", "failed"))


def rows_of(user, made, **query):
    """All rows of an import."""
    page, rows, pages = 0, [], 1
    while (page := page + 1) <= pages:
        wanted = {"page_size": 100, "page": page, **query}
        answer = user.http.get(f"/imports/{made['id']}/rows", params=wanted)
        assert answer.status_code == 200, answer.text
        rows, pages = [*rows, *answer.json()["items"]], answer.json()["pages"]
    return rows


def reasons(user, made):
    """Why which rows failed, by their numbers."""
    return {row["number"]: row["reason"] for row in rows_of(user, made, status="failed")}


def products(user):
    """The user's products by their titles, each with the names of its pictures."""
    items = user.http.get("/products", params={"page_size": 100}).json()["items"]
    titles = {item["title"]: item for item in items}
    assert len(titles) == len(items), [item["title"] for item in items]
    return titles


def pictures(user):
    """The names of the pictures of each product."""
    return {
        title: [image["original_filename"] for image in product["images"]]
        for title, product in products(user).items()
    }
