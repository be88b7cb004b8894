"""docs/tutorials/operator.md on a platform of its own: started, broken, saved, lost, and all of it back."""

import shutil

import httpx
import pytest

from tests import documents, platforms
from tests.contract.wire import a_user, small_photo
from tests.reader import Reader

HOUR = "docs/tutorials/operator.md"
PORT = 8000
"""The document's first port."""
SAVES = "make backup TO=backup.tar"
RESTORES = "make restore FROM=backup.tar"
STOPS = "make down"


@pytest.fixture
def operator(tmp_path):
    base = platforms.free_base()
    yield Reader(tmp_path, "operator@example.com", IMAGINEAI_PORT_BASE=str(base)), base
    platforms.down(tmp_path / ".imagineai")
    shutil.rmtree(tmp_path / "lost", ignore_errors=True)


class Kept:
    """A product with an analysed photo: what is known of it."""

    def __init__(self, user):
        self._user = user
        self.product, self.photo = user.product(title="Kept")["id"], small_photo()
        self.image = user.analysed(self.product, self.photo)["image_id"]

    def facts(self):
        """The findings, the model that answers, the stored photo, the product's title."""
        ask = self._user.http.get
        (link,) = ask("/pictures", params={"image_id": self.image}).json()
        photo = httpx.get(link["url"], timeout=30)
        return (
            self._user.analysis(self.image),
            ask("/models").json()["champion"]["bundle_sha256"],
            (photo.content, photo.headers["ETag"], photo.headers["Content-Type"]),
            ask(f"/products/{self.product}").json()["title"],
        )


@pytest.mark.timeout(600)
def test_in_the_operators_hour_all_is_lost_and_users_photos_findings_and_champion_come_back(operator):
    reader, base = operator
    started, saved, restored, started_again = parts_of_the_hour(base)
    said = reader.types(started)
    assert '"prefect": "ok"' in said
    assert "imagineai_shifts_open 1.0" in said
    assert "started again 1 times" in said
    with a_user(f"http://127.0.0.1:{base}") as owner:
        kept = Kept(owner)
        before = kept.facts()
        assert before[2][0] == kept.photo

        assert "3 databases" in reader.types(saved)
        backup = reader.folder / "backup.tar"
        assert backup.stat().st_size > 1_000_000
        assert backup.stat().st_mode & 0o077 == 0
        late = owner.product(title="Made after the backup")
        reader.types(restored)
        assert not platforms.processes_of(reader.folder / ".imagineai")

        assert reader.types(started_again).rstrip().endswith("ready")
        assert owner.login()
        assert kept.facts() == before
        assert owner.http.get(f"/products/{late['id']}").status_code == 404
        again = owner.http.post(f"/analysis/{kept.image}/retry").json()
        assert owner.finished(again["job_id"])["status"] == "completed"
    assert reader.types(STOPS).rstrip().endswith("Everything is stopped.")


def parts_of_the_hour(base):
    """The document's commands: up to the backup, that, from the end to the restored home, its start."""
    typed = documents.script(HOUR)
    for number in range(2):
        typed = typed.replace(f":{PORT + number}/", f":{base + number}/")
    typed = typed.splitlines()
    saves, restores = typed.index(SAVES), typed.index(RESTORES)
    assert typed[saves + 1 : restores] == [STOPS, "mv .imagineai lost"]
    assert typed[-1] == STOPS
    after = restores + 1
    pieces = typed[:saves], typed[saves : saves + 1], typed[saves + 1 : after], typed[after:-1]
    return ["\n".join(piece) for piece in pieces]
