"""A file is replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.errors import HarnessError, LedgerError
from harness.files import check_place, exists, locked, matching, write_whole


def test_a_file_is_made_with_its_folders_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["b.txt"]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "b.txt"
    write_whole(path, b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HarnessError, match="expected room on the disk, got No space left on device"):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["b.txt"]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"one")
    (tmp_path / "link").symlink_to("target")
    write_whole(tmp_path / "link", b"two")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"two"


@pytest.mark.parametrize("place", [".", "file/below"])
def test_a_place_that_holds_no_file_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HarnessError, match="expected a place that can be written"):
        write_whole(tmp_path / place, b"")


def test_a_lock_lets_one_in_at_a_time_and_says_who_is_there(tmp_path: Path) -> None:
    def hold(path: Path) -> AbstractContextManager[None]:
        return locked(path, "work", hint="Wait", error=LedgerError)

    for _ in range(2):  # what was released can be held again
        with hold(tmp_path / "locks" / "one"), hold(tmp_path / "locks" / "other"):
            said = "work: expected no other process, got another process running this already. Wait."
            with pytest.raises(LedgerError, match=re.escape(said)), hold(tmp_path / "locks" / "one"):
                pytest.fail("held twice")
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="work: expected a folder to write to"), hold(tmp_path / "file" / "one"):
        pytest.fail("held in no folder")


def test_a_lock_that_cannot_be_created_is_not_taken_for_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def without_new_files(path: os.PathLike[str] | str, flags: int, *more: int, **named: int | None) -> int:
        if flags & os.O_CREAT and os.fspath(path).startswith(str(tmp_path)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))  # as in /proc
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", without_new_files)
    said = "work: expected a folder to write to, got No such file or directory. Check the path and its permissions."
    with (
        pytest.raises(LedgerError, match=re.escape(said)),
        locked(tmp_path / "one", "work", hint="Wait", error=LedgerError),
    ):
        pytest.fail("held without a file")


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HarnessError, match="got no regular file"):
        write_whole(tmp_path / "pipe", b"")
    assert (tmp_path / "pipe").is_fifo()


def test_a_place_is_refused_beforehand_if_a_file_could_not_be_written_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "new", tmp_path / "file", tmp_path / "a" / "b" / "new"):
        check_place(place)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    for place in (tmp_path, tmp_path / "file" / "new", tmp_path / ("x" * 300)):
        with pytest.raises(HarnessError, match="expected a place that can be written"):
            check_place(place)
        with pytest.raises(HarnessError, match="expected a place that can be written"):
            write_whole(place, b"")


def test_what_cannot_be_known_of_a_path_is_one_line(tmp_path: Path) -> None:
    assert not exists(tmp_path / "none")
    assert exists(tmp_path)
    assert matching(tmp_path / "none", "*") == []
    (tmp_path / "b.json").touch()
    (tmp_path / "a.json").touch()
    assert [path.name for path in matching(tmp_path, "*.json")] == ["a.json", "b.json"]
    assert matching(tmp_path / "a.json", "*") == []
    with pytest.raises(LedgerError, match="expected a file or folder that can be read, got File name too long"):
        exists(tmp_path / ("a" * 300))


def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.files.os.scandir", denied)
    with pytest.raises(LedgerError, match=r"got Permission denied\. Allow reading it"):
        matching(tmp_path, "*")


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path) -> None:
    """A report that its owner had made private could be read by all once it was written anew."""
    path = tmp_path / "private"
    write_whole(path, b"one")
    path.chmod(0o600)
    write_whole(path, b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o600)


def test_a_long_name_of_wide_characters_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("統" * 82)  # 246 bytes of at most 255
    write_whole(path, b"one")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
