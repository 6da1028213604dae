from __future__ import annotations

import hashlib
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError
from harness.tasks.data import auto, cache, cifar10, download, image_folder, synthetic
from harness.tasks.data.images import Bytes, ImageData
from harness.tasks.data.torchvision_import import datasets

Write = Callable[[Path], Path]
# Read before the fixture hides it from the tests below.
REAL_ROOT = os.environ.get(cifar10.ROOT_VARIABLE)
NOTHING = (np.zeros((1, 4, 4, 3), np.uint8), np.zeros(1, np.uint8))
STAND_IN = ImageData.of("synthetic", train=NOTHING, test=NOTHING, source="")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "obstacle", lambda: "the cable is cut")


def silence(line: str) -> None:
    raise AssertionError(f"nothing to announce: {line}")


def test_a_tree_is_found_in_the_folder_named_or_below_it(write_tree: Write, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "data" / "cifar10")
    data = cifar10.load(tree, silence)
    assert data.name == "cifar10"
    assert data.source == str(tree)
    assert data.train_images.shape == (6, 8, 8, 3)
    assert data.test_labels.tolist() == [0, 0, 1, 1]
    assert cifar10.load(tmp_path / "data", silence).fingerprint == data.fingerprint


def test_the_environment_names_a_folder_and_the_command_line_overrules_it(
    write_tree: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = write_tree(tmp_path / "tree")
    monkeypatch.setenv(cifar10.ROOT_VARIABLE, str(tree))
    assert cifar10.load(None, silence).source == str(tree)
    with pytest.raises(DataError, match="--data-root"):
        cifar10.load(tmp_path / "nowhere", silence)
    monkeypatch.setenv(cifar10.ROOT_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=rf"got no such folder. Correct {cifar10.ROOT_VARIABLE}"):
        cifar10.load(None, silence)


def test_the_cache_is_looked_in_last(write_tree: Write) -> None:
    assert cifar10.find(None) is None
    tree = write_tree(cifar10.default_root() / "cifar10")
    assert cifar10.load(None, silence).source == str(tree)


def test_a_second_start_does_not_decode(write_tree: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write_tree(tmp_path / "tree")
    first = cifar10.load(tree, silence)

    def never(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(image_folder, "decode", never)
    second = cifar10.load(tree, silence)
    np.testing.assert_array_equal(second.train_images, first.train_images)
    assert second.fingerprint == first.fingerprint


def test_an_image_rewritten_in_place_is_another_data_set(write_tree: Write, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree")
    first = cifar10.load(tree, silence)
    victim = tree / "train" / "bee" / "0001.png"
    stat = victim.stat()
    Image.new("RGB", (8, 8), "red").save(victim)
    os.utime(victim, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = cifar10.load(tree, silence)
    assert second.fingerprint != first.fingerprint
    assert second.train_images[4].reshape(-1, 3).tolist() == [[255, 0, 0]] * 64


def test_a_batch_rewritten_in_place_is_looked_at_again(batches: Path) -> None:
    cifar10.load(batches, silence)
    victim = batches / "data_batch_3"
    stat, content = victim.stat(), bytearray(victim.read_bytes())
    content[100] ^= 1
    victim.write_bytes(content)
    os.utime(victim, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(DataError, match="missing or damaged"):
        cifar10.load(batches, silence)


def test_a_folder_named_that_holds_nothing_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        cifar10.load(tmp_path, silence)
    text = str(refusal.value)
    assert "cifar-10-batches-py" in text
    assert "got neither" in text
    assert "leave it out to have torchvision download" in text


def test_without_a_copy_or_a_network_the_error_says_how_to_get_one() -> None:
    with pytest.raises(DataError) as refusal:
        cifar10.load(None, silence)
    text = str(refusal.value)
    assert "the cable is cut" in text
    assert download.ADDRESS in text
    assert "--data synthetic" in text


@pytest.fixture
def batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy in torchvision's format, of 2 images a file, with the checksums that torchvision is to expect."""
    folder = tmp_path / "torchvision" / download.FOLDER
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    reader = datasets().CIFAR10

    def write(name: str, content: object) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()]

    def batch(name: str) -> list[str]:
        return write(name, {"data": rng.integers(0, 256, (2, 3072), dtype=np.uint8), "labels": [3, 7]})

    monkeypatch.setattr(reader, "train_list", [batch(f"data_batch_{number}") for number in range(1, 6)])
    monkeypatch.setattr(reader, "test_list", [batch("test_batch")])
    meta = write("batches.meta", {"label_names": list(cifar10.CLASSES)})
    monkeypatch.setattr(reader, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]})
    return folder


def planes(folder: Path, name: str) -> Bytes:
    with (folder / name).open("rb") as file:
        data: Bytes = pickle.load(file)["data"]
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def test_torchvisions_format_is_read(batches: Path) -> None:
    data = cifar10.load(batches.parent, silence)
    np.testing.assert_array_equal(data.train_images[8:], planes(batches, "data_batch_5"))
    np.testing.assert_array_equal(data.test_images, planes(batches, "test_batch"))
    assert data.train_labels.tolist() == [3, 7] * 5
    assert cifar10.load(batches, silence).fingerprint == data.fingerprint


def test_a_damaged_batch_is_an_error(batches: Path) -> None:
    (batches / "data_batch_3").write_bytes(b"damaged")
    with pytest.raises(DataError, match="missing or damaged"):
        cifar10.load(batches, silence)


def test_an_archive_is_checked_and_unpacked(batches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = batches.parent / download.ARCHIVE
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(batches, download.FOLDER)
    expected = cifar10.load(batches, silence).fingerprint
    for path in batches.iterdir():
        path.unlink()
    batches.rmdir()
    with pytest.raises(DataError, match="expected the published file"):
        cifar10.load(batches.parent, silence)
    checksum = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(datasets().CIFAR10, "tgz_md5", checksum)
    assert cifar10.load(batches.parent, silence).fingerprint == expected


@pytest.fixture
def own(batches: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy and its archive in the cache, as torchvision's download leaves them."""
    folder = own_cache / "data"
    folder.mkdir(parents=True)
    with tarfile.open(folder / download.ARCHIVE, "w:gz") as tar:
        tar.add(batches, download.FOLDER)
    checksum = hashlib.md5((folder / download.ARCHIVE).read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setattr(datasets().CIFAR10, "tgz_md5", checksum)
    return batches.rename(folder / download.FOLDER)


@pytest.mark.parametrize("damage", ["missing", "cut short", "all missing"])
def test_a_download_that_was_half_unpacked_is_unpacked_again_without_a_network(own: Path, damage: str) -> None:
    expected = cifar10.load(None, silence).fingerprint
    for path in sorted(own.iterdir())[: 99 if damage == "all missing" else 1]:
        path.unlink() if "missing" in damage else path.write_bytes(path.read_bytes()[:50])
    lines: list[str] = []
    assert cifar10.load(None, lines.append).fingerprint == expected
    assert lines == [f"The copy of CIFAR-10 in {own.parent} is incomplete; downloading it again."]
    lines.clear()
    assert cifar10.load(None, lines.append).fingerprint == expected
    assert lines == []


def test_a_half_unpacked_download_without_its_archive_is_downloaded_again(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = (own / "data_batch_3").read_bytes()
    expected = cifar10.load(None, silence).fingerprint
    (own / "data_batch_3").write_bytes(b"damaged")
    (own.parent / download.ARCHIVE).write_bytes(b"half of it")
    lines: list[str] = []
    with pytest.raises(DataError, match="the cable is cut"):
        cifar10.load(None, lines.append)
    monkeypatch.setattr(synthetic, "load", lambda *_: STAND_IN)
    assert auto.load(None, lines.append).fingerprint == STAND_IN.fingerprint
    assert "the cable is cut" in lines[-1]
    monkeypatch.setattr(download, "fetch", lambda root: (root / download.FOLDER / "data_batch_3").write_bytes(kept))
    assert auto.load(None, lines.append).fingerprint == expected


def test_a_damaged_copy_in_a_folder_that_was_named_is_left_as_it_is(own: Path) -> None:
    (own / "data_batch_3").write_bytes(b"damaged")
    with pytest.raises(DataError, match="missing or damaged"):
        cifar10.load(own.parent, silence)
    assert (own / "data_batch_3").read_bytes() == b"damaged"


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know, as in a container that runs under any number."""

    def unknown(_: object) -> None:
        raise KeyError("getpwuid(): uid not found")

    for variable in ("HOME", "XDG_CACHE_HOME", "HARNESS_CACHE", "USERPROFILE"):
        monkeypatch.delenv(variable, raising=False)
    pwd = pytest.importorskip("pwd", reason="only POSIX looks users up")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_home_goes_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines: list[str] = []
    assert cache.remembered("name", "1", "here", lambda: STAND_IN, lines.append).fingerprint == STAND_IN.fingerprint
    (line,) = lines
    assert "expected a home folder for it" in line
    assert "HARNESS_CACHE" in line
    with pytest.raises(DataError, match="Name a folder for the cache with HARNESS_CACHE"):
        cifar10.load(None, silence)
    monkeypatch.setattr(synthetic, "load", lambda *_: STAND_IN)
    monkeypatch.setattr(download, "obstacle", lambda: "")
    assert auto.load(None, lines.append).fingerprint == STAND_IN.fingerprint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("named", ["--data-root", "HARNESS_DATA_ROOT"])
def test_a_home_folder_that_nobody_has_is_one_clear_line(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "~no-such-user/data"
    root = Path(nobody) if named == "--data-root" else None
    if root is None:
        monkeypatch.setenv(cifar10.ROOT_VARIABLE, nobody)
    with pytest.raises(DataError, match=f"{named}: expected a folder, got {nobody}, whose home folder is unknown"):
        cifar10.load(root, silence)


@pytest.mark.skipif(not REAL_ROOT, reason=f"{cifar10.ROOT_VARIABLE} names no CIFAR-10")
def test_the_real_thing_is_whole() -> None:
    assert REAL_ROOT is not None
    data = cifar10.load(Path(REAL_ROOT), lambda _: None)
    assert data.train_images.shape == (50_000, 32, 32, 3)
    assert data.test_images.shape == (10_000, 32, 32, 3)
    assert np.bincount(data.train_labels).tolist() == [5_000] * 10
    assert np.bincount(data.test_labels).tolist() == [1_000] * 10
    # Frogs are green, ships and airplanes blue: the classes are in their standard order.
    tint = np.stack([data.train_images[data.train_labels == label].mean((0, 1, 2)) for label in range(10)])
    assert set(np.argsort(tint[:, 2] - tint[:, 0])[-2:]) == {0, 8}
