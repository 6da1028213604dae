"""MNIST from its four files or torchvision's download: where it is found, and what is refused in one line."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError
from harness.tasks.data.digits import auto, generated, mnist
from harness.tasks.data.images import ImageData
from harness.tasks.data.roots import ROOT_VARIABLE
from harness.tasks.data.torchvision_import import datasets

REAL_ROOT = os.environ.get(ROOT_VARIABLE)  # read before the fixture hides it from the tests below
PUBLISHED = mnist.FINGERPRINT
Write = Callable[..., Path]


def present(root: str | None) -> bool:
    """Whether the folder that the environment names holds MNIST."""
    return root is not None and Path(root).is_dir() and mnist.find(Path(root)) is not None


REAL = present(REAL_ROOT)


def silence(line: str) -> None:
    raise AssertionError(f"nothing to announce: {line}")


def contents() -> dict[str, bytes]:
    """The four files with 5 and 3 images of 28×28 pixels, in the format that MNIST is published in."""
    rng, made = np.random.default_rng(0), {}
    for part, count in zip(mnist.PARTS, (5, 3), strict=True):
        images = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", np.arange(count, dtype=np.uint8))):
            sizes = np.array(array.shape, ">u4").tobytes()
            made[f"{part}-{name}-ubyte"] = bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()
    return made


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the small files for those that were published, and keep away from the network."""
    one, two, three, four = (np.frombuffer(whole, np.uint8) for whole in contents().values())
    train, test = (one[16:].reshape(5, 28, 28, 1), two[8:]), (three[16:].reshape(3, 28, 28, 1), four[8:])
    monkeypatch.setattr(mnist, "FINGERPRINT", ImageData.of("mnist", train=train, test=test, source="").fingerprint)
    monkeypatch.setattr(mnist, "obstacle", lambda: "the cable is cut")


@pytest.fixture
def write() -> Write:
    """Write the four files into a folder."""

    def written(folder: Path, *, packed: bool = False) -> Path:
        folder.mkdir(parents=True)
        for name, whole in contents().items():
            path = folder / (f"{name}.gz" if packed else name)
            path.write_bytes(gzip.compress(whole) if packed else whole)
        return folder

    return written


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("inner", ["", "MNIST/raw", "mnist", "mnist/MNIST/raw"])
def test_the_four_files_are_found_in_the_folder_named_or_below_it(
    inner: str, packed: bool, write: Write, tmp_path: Path
) -> None:
    folder = write(tmp_path / "data" / inner, packed=packed)
    data = mnist.load(tmp_path / "data", silence)
    assert (data.name, data.source, data.fingerprint) == ("mnist", str(folder), mnist.FINGERPRINT)
    assert (data.train_images.shape, data.test_images.shape) == ((5, 28, 28, 1), (3, 28, 28, 1))
    assert data.train_labels.tolist() == [0, 1, 2, 3, 4]
    assert data.train_images.dtype == data.train_labels.dtype == np.uint8
    whole = contents()["train-images-idx3-ubyte"]
    assert data.train_images.tobytes() == whole[16:]
    assert mnist.load(folder, silence).source == str(folder)


def test_the_folder_that_holds_torchvisions_folder_may_be_left_out(write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "MNIST" / "raw")
    assert mnist.load(tmp_path / "MNIST", silence).source == str(folder)


def test_the_environment_and_the_cache_are_looked_in_too(
    write: Write, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mnist.find(None) is None
    own = write(own_cache / "data" / "MNIST" / "raw")
    assert mnist.load(None, silence).source == str(own)
    named = write(tmp_path / "named")
    monkeypatch.setenv(ROOT_VARIABLE, str(named))
    assert mnist.load(None, silence).source == str(named)


def test_a_second_start_does_not_decode(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "data")
    first = mnist.load(folder, silence)
    monkeypatch.setattr(mnist, "_read", lambda _: pytest.fail("decoded again"))
    second = mnist.load(folder, silence)
    np.testing.assert_array_equal(second.train_images, first.train_images)
    assert second.fingerprint == first.fingerprint


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def swap(path: Path) -> None:
    """Change a pixel of an image: the file stays intact, as Fashion-MNIST's are."""
    whole = bytearray(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    whole[20] ^= 1
    path.write_bytes(gzip.compress(bytes(whole)) if path.suffix == ".gz" else bytes(whole))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "got none named t10k-images-idx3-ubyte"),
    "cut short": (cut, "t10k-images-idx3-ubyte.*: expected an intact file of MNIST, got a damaged one"),
    "empty": (lambda path: path.write_bytes(b""), "expected an intact file of MNIST"),
    "rubbish": (lambda path: path.write_bytes(b"<html>" * 99), "expected an intact file of MNIST"),
    "other digits": (swap, "expected the published images and labels, got other images"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "got none named t10k-images-idx3-ubyte"),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_missing_or_damaged_is_one_line(damage: str, packed: bool, write: Write, tmp_path: Path) -> None:
    folder = write(tmp_path / "data", packed=packed)
    harm, expected = DAMAGE[damage]
    harm(folder / ("t10k-images-idx3-ubyte" + ".gz" * packed))
    for load in (mnist.load, auto.load):
        with pytest.raises(DataError, match=expected) as refusal:
            load(folder, silence)
        assert "\n" not in str(refusal.value)
        assert str(refusal.value).endswith("to have torchvision download it.")


def test_a_folder_without_digits_is_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"expected train-images-idx3-ubyte.*Correct --data-root, or leave it out"):
        mnist.load(tmp_path, silence)
    with pytest.raises(DataError, match="got no such folder"):
        mnist.load(tmp_path / "nowhere", silence)
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path))
    with pytest.raises(DataError, match=rf"got no such files. Correct {ROOT_VARIABLE}"):
        mnist.load(None, silence)


def test_without_a_copy_or_a_network_the_error_says_how_to_get_one() -> None:
    with pytest.raises(DataError) as refusal:
        mnist.load(None, silence)
    text = str(refusal.value)
    assert "the cable is cut" in text
    assert mnist.ADDRESS in text
    assert "--data synthetic-digits" in text


def test_the_address_and_the_files_are_torchvisions() -> None:
    reader = datasets().MNIST
    assert reader.mirrors[0] + reader.resources[0][0] == mnist.ADDRESS
    assert {name.removesuffix(".gz") for name, _ in reader.resources} == set(mnist.FILES)


@pytest.fixture
def online(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network on which torchvision downloads the small files."""

    def download(root: str, *, download: bool) -> None:
        assert download
        write(Path(root) / "MNIST" / "raw")

    monkeypatch.setattr(mnist, "obstacle", lambda: "")
    monkeypatch.setattr(datasets(), "MNIST", download)


@pytest.mark.usefixtures("online")
def test_torchvision_downloads_it_into_the_cache(own_cache: Path) -> None:
    assert auto.load(None, silence).source == str(own_cache / "data" / "MNIST" / "raw")
    assert mnist.load(None, silence).fingerprint == mnist.FINGERPRINT


@pytest.mark.usefixtures("online")
@pytest.mark.parametrize("damage", ["missing", "cut short", "other digits"])
def test_a_damaged_download_is_downloaded_again(damage: str, write: Write, own_cache: Path) -> None:
    folder = write(own_cache / "data" / "MNIST" / "raw")
    DAMAGE[damage][0](folder / "t10k-images-idx3-ubyte")
    lines: list[str] = []
    assert mnist.load(None, lines.append).fingerprint == mnist.FINGERPRINT
    assert lines == [f"The copy of MNIST in {folder} is incomplete; downloading it again."]
    assert mnist.load(None, silence).source == str(folder)


def test_a_damaged_download_is_left_as_it_is_without_a_network(write: Write, own_cache: Path) -> None:
    folder = write(own_cache / "data" / "MNIST" / "raw")
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="the cable is cut"):
        mnist.load(None, lambda _: None)
    assert len(list(folder.iterdir())) == 3


def test_a_download_that_breaks_off_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Error downloading train-images-idx3-ubyte.gz:\nTried a mirror, got:\nnothing\n")

    monkeypatch.setattr(mnist, "obstacle", lambda: "")
    monkeypatch.setattr(datasets(), "MNIST", broken)
    with pytest.raises(DataError, match=r"Tried a mirror, got: nothing.*Name the folder of your own copy") as refusal:
        mnist.load(None, silence)
    assert "\n" not in str(refusal.value)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> ImageData:
    small = generated.generate(10, 10)
    monkeypatch.setattr(generated, "load", lambda *_: small)
    return small


@pytest.mark.parametrize("named", [False, True], ids=["no folder", "another data set's folder"])
def test_auto_announces_the_stand_in_in_one_line(named: bool, stand_in: ImageData, tmp_path: Path) -> None:
    lines: list[str] = []
    assert auto.load(tmp_path if named else None, lines.append) is stand_in
    (line,) = lines
    assert line.startswith("MNIST is not ")
    assert (str(tmp_path) if named else "the cable is cut") in line
    assert "stand-in" in line
    assert "\n" not in line


@pytest.mark.usefixtures("stand_in")
def test_auto_never_replaces_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="typo"):
        auto.load(tmp_path / "typo", silence)


@pytest.mark.skipif(not REAL, reason=f"{ROOT_VARIABLE} names no MNIST")
def test_the_real_thing_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "FINGERPRINT", PUBLISHED)
    assert REAL_ROOT is not None
    data = mnist.load(Path(REAL_ROOT), lambda _: None)
    assert (data.train_images.shape, data.test_images.shape) == ((60_000, 28, 28, 1), (10_000, 28, 28, 1))
    assert np.bincount(data.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
