"""The command ``imagineai``, as somebody types it."""

import io
import json
import stat

import pytest

from imagineai_client import Client, credentials
from imagineai_client.command import main
from tests.contract.importing import as_zip
from tests.contract.services import free_port
from tests.contract.wire import small_photo


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch):
    """A home of its own, and no variable that names a service."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("IMAGINEAI_HOME", str(tmp_path / "no platform"))
    monkeypatch.delenv("IMAGINEAI_URL", raising=False)


@pytest.fixture
def run(capsys, monkeypatch):
    """Type a command; gives its exit code and what it printed."""

    def typed(*words, typing=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(typing))
        code = main(words)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return typed


@pytest.fixture
def logged_in(run, user):
    """The file's user, logged in."""
    code, _, said = run(
        "login", user.email, "--url", user.url, "--password-stdin", typing=f"{user.password}\n"
    )
    assert code == 0, said
    return user


@pytest.fixture
def folder(tmp_path):
    """A folder with two pictures, one in a folder of its own, one that is none, and a text."""
    pictures = tmp_path / "photos"
    (pictures / "more").mkdir(parents=True)
    (pictures / "a.jpg").write_bytes(small_photo())
    (pictures / "more" / "b.JPG").write_bytes(small_photo())
    (pictures / "broken.png").write_text("no picture")
    (pictures / "notes.txt").write_text("left alone")
    return pictures


def product_of(user, title):
    with Client(user.url) as client:
        client.login(user.email, user.password)
        return next(product for product in client.products(search=title).items if product.title == title)


def test_a_login_lasts_until_logout_and_nobody_else_can_read_it(run, logged_in):
    assert run("whoami")[1].strip() == f"Logged in to {logged_in.url} as {logged_in.email}"
    kept = credentials.folder() / "credentials.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert logged_in.password not in kept.read_text()
    assert run("logout")[0] == 0
    code, _, said = run("whoami")
    assert code == 1
    assert "imagineai login" in said


def test_a_logout_kills_the_session_whoever_has_copied_the_tokens(run, logged_in):
    kept = credentials.folder() / "credentials.json"
    copied = json.loads(kept.read_text())
    assert run("logout")[0] == 0
    copied[logged_in.url]["access_token"] = "no.longer.good"
    kept.write_text(json.dumps(copied))
    code, _, said = run("whoami")
    assert code == 1
    assert "refresh token" in said


def test_a_logout_forgets_the_tokens_where_the_service_cannot_be_told(run, logged_in):
    kept = credentials.folder() / "credentials.json"
    away = f"http://127.0.0.1:{free_port()}"
    kept.write_text(kept.read_text().replace(logged_in.url, away))
    code, _, said = run("logout")
    assert code == 1
    assert "No answer from ImagineAI" in said
    assert json.loads(kept.read_text()) == {}


def test_tokens_that_have_run_out_are_exchanged_and_kept(run, logged_in):
    kept = credentials.folder() / "credentials.json"
    tokens = json.loads(kept.read_text())
    tokens[logged_in.url]["access_token"] = "no.longer.good"
    kept.write_text(json.dumps(tokens))
    assert run("whoami")[0] == 0
    assert json.loads(kept.read_text())[logged_in.url]["access_token"] != "no.longer.good"
    assert run("whoami")[0] == 0


def test_the_next_commands_go_where_the_last_login_was_whichever_tokens_are_exchanged(run, logged_in):
    elsewhere = logged_in.url.replace("127.0.0.1", "localhost")
    typing = f"{logged_in.password}\n"
    assert run("login", logged_in.email, "--url", elsewhere, "--password-stdin", typing=typing)[0] == 0
    kept = credentials.folder() / "credentials.json"
    tokens = json.loads(kept.read_text())
    tokens[logged_in.url]["access_token"] = "no.longer.good"
    kept.write_text(json.dumps(tokens))
    assert run("whoami", "--url", logged_in.url)[0] == 0
    assert json.loads(kept.read_text())[logged_in.url]["access_token"] != "no.longer.good"
    assert f"Logged in to {elsewhere} as" in run("whoami")[1]
    assert run("login", logged_in.email, "--url", logged_in.url, "--password-stdin", typing=typing)[0] == 0
    assert f"Logged in to {logged_in.url} as" in run("whoami")[1]


def test_an_account_is_made_and_logged_in(run, platform):
    typing = "a long enough password\n"
    email = f"typed{free_port()}@example.com"
    code, out, _ = run("register", email, "--url", platform.url, "--password-stdin", typing=typing)
    assert (code, email in out) == (0, True)
    code, _, said = run("register", email, "--url", platform.url, "--password-stdin", typing=typing)
    assert code == 1
    assert "exists" in said


def test_a_wrong_password_is_said_in_one_sentence(run, user):
    code, _, said = run("login", user.email, "--url", user.url, "--password-stdin", typing="another one\n")
    assert code == 1
    assert len(said.strip().splitlines()) == 1


def test_a_damaged_file_of_logins_is_named(run, logged_in):
    (credentials.folder() / "credentials.json").write_text("{")
    code, _, said = run("whoami")
    assert code == 1
    assert "credentials.json is damaged" in said


def test_pictures_are_analysed_at_once(run, logged_in, folder):
    code, out, _ = run("analyze", str(folder / "a.jpg"))
    assert code == 0
    assert "Runners-up" in out
    code, out, _ = run("analyze", "--json", str(folder / "a.jpg"), str(folder / "more"))
    assert [json.loads(line)["status"] for line in out.splitlines()] == ["completed", "completed"]
    code, _, said = run("analyze", str(folder / "nowhere.jpg"))
    assert (code, "nowhere.jpg is not there" in said) == (1, True)


def test_a_folder_is_uploaded_once_and_what_failed_is_named(run, logged_in, folder):
    code, out, said = run("upload", str(folder), "--product", "From a folder")
    assert code == 1
    assert "2 analysed, 0 there already, 1 failed" in out
    assert "broken.png: failed" in out
    assert "1 of 3 pictures failed" in said
    (folder / "broken.png").unlink()
    code, out, _ = run("upload", str(folder), "--product", product_of(logged_in, "From a folder").id)
    assert code == 0
    assert "0 analysed, 2 there already, 0 failed" in out
    assert len(product_of(logged_in, "From a folder").images) == 2


def test_a_batch_is_watched_and_retried(run, logged_in, folder):
    run("upload", str(folder / "a.jpg"), "--product", "Watched")
    code, out, _ = run("batch", "Watched")
    assert code == 0
    assert "1 of 1 analysed, 0 failed" in out
    code, job, _ = run("batch", "Watched", "--no-watch")
    code, out, _ = run("watch", job.strip())
    assert (code, "completed" in out) == (0, True)
    assert job.strip() in run("jobs")[1]
    code, _, said = run("retry", job.strip())
    assert code == 1
    assert said.strip()
    code, _, said = run("batch", "No such product")
    assert (code, said.strip()) == (1, "No product of yours is called No such product.")


def test_a_picture_that_was_announced_and_never_sent_counts_as_not_there(run, logged_in, folder):
    product = logged_in.product(title="Announced")
    picture = (folder / "a.jpg").read_bytes()
    logged_in.presign(product["id"], picture, name="a.jpg")
    code, _, said = run("batch", "Announced")
    assert (code, said.strip()) == (1, "Announced has no images.")
    code, out, said = run("upload", str(folder / "a.jpg"), "--product", "Announced")
    assert (code, "1 analysed, 0 there already" in out) == (0, True), said
    code, out, said = run("batch", "Announced")
    assert (code, "1 of 1 analysed, 0 failed" in out) == (0, True), said


def test_a_job_that_was_cancelled_ends_with_a_failure(run, logged_in, folder):
    run("upload", str(folder / "a.jpg"), "--product", "Cancelled")
    job = run("batch", "Cancelled", "--no-watch")[1].strip()
    assert run("cancel", job)[0] == 0
    code, out, _ = run("watch", job)
    assert code == 1
    assert "cancelled" in out


def test_a_table_is_written_whole_or_not_at_all(run, logged_in, tmp_path):
    for name in ("products.csv", "defects.jsonl", "analyses.parquet"):
        code, out, said = run("export", name.partition(".")[0], "--output", str(tmp_path / name))
        assert code == 0, said
        assert name in out
    assert (tmp_path / "products.csv").read_text().startswith("product_id,title")
    assert (tmp_path / "analyses.parquet").read_bytes().startswith(b"PAR1")
    assert not list(tmp_path.glob(".*"))
    code, _, said = run("export", "products", "--output", str(tmp_path / "products.xls"))
    assert (code, "csv, jsonl, parquet" in said) == (1, True)
    code, _, said = run("export", "products", "--output", str(tmp_path / "no folder" / "products.csv"))
    assert (code, "No such file" in said) == (1, True)


@pytest.fixture
def catalogue(folder):
    """A CSV beside the folder of pictures: one is there, one is broken, one is missing."""
    table = folder / "products.csv"
    table.write_text("key,title,image\nA,Blue mug,a.jpg\nB,Broken,broken.png\nC,Missing,none.jpg\n")
    return table


def test_a_csv_is_imported_with_its_pictures_and_the_rows_that_failed_are_named(run, logged_in, catalogue):
    code, out, said = run("import", str(catalogue))
    assert code == 1
    assert "completed: 1 imported, 0 there already, 2 failed" in out
    assert next(line.split()[:3] for line in out.splitlines() if "Broken" in line) == [
        "3",
        "Broken",
        "broken.png",
    ]
    assert "The archive has no such file." in out
    assert said.strip() == "2 of 3 rows failed."
    assert len(product_of(logged_in, "Blue mug").images) == 1
    catalogue.write_text("key,title,image\nA,Blue mug,a.jpg\n")
    code, out, said = run("import", str(catalogue), "--images", str(catalogue.parent))
    assert (code, "0 imported, 1 there already, 0 failed" in out) == (0, True), said


def test_an_archive_is_imported_and_an_import_is_looked_up_again(run, logged_in, tmp_path):
    (tmp_path / "photos.zip").write_bytes(as_zip({"Red bowl/front.jpg": small_photo()}))
    code, out, said = run("import", str(tmp_path / "photos.zip"))
    assert (code, "1 imported, 0 there already, 0 failed" in out) == (0, True), said
    assert len(product_of(logged_in, "Red bowl").images) == 1
    name = next(line.split()[1] for line in out.splitlines() if line.startswith("Import "))
    code, _, said = run("import", "--resume", name)
    assert (code, said.strip()) == (1, "The import has completed: import anew what is new.")


def test_what_cannot_be_imported_is_said_in_one_sentence(run, logged_in, catalogue, tmp_path):
    (tmp_path / "empty").mkdir()
    cases = {
        ("--prefix", "nothing/"): "There is nothing in your folder below this prefix.",
        (str(tmp_path / "none.zip"),): f"{tmp_path}/none.zip: No such file or directory.",
        (str(catalogue), "--images", str(tmp_path / "empty")): (
            f"{tmp_path}/empty has none of the pictures that {catalogue} names."
        ),
    }
    for words, sentence in cases.items():
        code, _, said = run("import", *words)
        assert (code, said.strip()) == (1, sentence)
    catalogue.write_text("title,picture\nMug,a.jpg\n")
    assert run("import", str(catalogue))[2].strip() == f"{catalogue} has no column image."


def test_a_csv_whose_pictures_lie_elsewhere_is_sent_as_it_is(run, logged_in, tmp_path):
    (tmp_path / "elsewhere.csv").write_text("title,image\nMug,../photos/a.jpg\nMug,in s3.jpg\n")
    code, out, said = run("import", str(tmp_path / "elsewhere.csv"))
    assert (code, said.strip()) == (1, "2 of 2 rows failed.")
    assert "There is no such object in your folder." in out


def test_where_nothing_runs_the_command_says_how_to_start_it(run):
    nowhere = f"http://127.0.0.1:{free_port()}"
    code, _, said = run("login", "a@example.com", "--url", nowhere, "--password-stdin", typing="x\n")
    assert code == 1
    assert "make up" in said
