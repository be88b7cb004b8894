"""Logs are bounded while their writers go on."""

from imagineai_local import logs


def test_a_log_that_grows_too_long_begins_anew_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "part.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * logs.LARGEST_BYTES + b"the last line before\n")
        logs.bound(log)
        writer.write(b"the first line after\n")

    old = tmp_path / "part.log.1"
    assert log.read_bytes() == b"the first line after\n"
    assert old.stat().st_size == logs.LARGEST_BYTES
    assert old.read_bytes().endswith(b"the last line before\n")


def test_a_short_log_is_left_alone(tmp_path):
    log = tmp_path / "part.log"
    log.write_text("all is well\n")

    logs.bound(log)

    assert log.read_text() == "all is well\n"
    assert not (tmp_path / "part.log.1").exists()


def test_the_tail_of_a_log_that_is_no_text_can_be_shown(tmp_path):
    log = tmp_path / "part.log"
    log.write_bytes(b"\xff\xfe\n" * 100 + b"the end\n")

    assert logs.tail(log).splitlines()[-1] == "  the end"
    assert len(logs.tail(log).splitlines()) == 15
