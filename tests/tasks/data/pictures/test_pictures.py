"""Pictures that are read one by one: ImageNet's folders, the generated stand-in, and the choice between them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError
from harness.race.conditions import dataset
from harness.race.protocols import named
from harness.tasks.data.pictures import auto, generated, imagenet
from harness.tasks.data.pictures.source import PictureData
from harness.tasks.data.split import split

CLASSES = ("n01", "n02", "n03")
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("HARNESS_CACHE", str(folder))
    monkeypatch.delenv("HARNESS_DATA_ROOT", raising=False)
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a small ImageNet: 4 pictures of each class to train, 2 to test, of different sizes."""

    def written(root: Path = tmp_path / "data") -> Path:
        rng = np.random.default_rng(0)
        for part, count in (("train", 4), ("val", 2)):
            for name in CLASSES:
                (root / part / name).mkdir(parents=True)
                for index in range(count):
                    pixels = rng.integers(0, 256, (20 + index, 30, 3), dtype=np.uint8)
                    suffix = "JPEG" if index else "png"
                    Image.fromarray(pixels).save(root / part / name / f"{name}_{index}.{suffix}")
        (root / "train" / "n01" / "notes.txt").write_text("no picture")
        (root / "train" / ".hidden").mkdir()
        return root

    return written


def quiet(_: str) -> None:
    """Say nothing."""


def test_folders_are_read_in_the_order_of_their_names(write: Write) -> None:
    data = imagenet.load(write(), quiet)
    assert data.classes == CLASSES
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.test.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.train_labels is data.train.labels
    assert data.train.open(5).size == (30, 21)
    assert data.train.called(5).endswith("n02_1.JPEG")
    assert np.asarray(data.test.open(0)).shape == (20, 30, 3)


def test_the_subfolder_and_the_usual_places_are_found(
    write: Write, tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "all" / "imagenet")
    assert imagenet.find(tmp_path / "all") == root
    assert imagenet.find(None) is None
    monkeypatch.setenv("HARNESS_DATA_ROOT", str(tmp_path / "all"))
    assert imagenet.find(None) == root
    monkeypatch.delenv("HARNESS_DATA_ROOT")
    assert imagenet.find(None) is None
    own = write(own_cache / "data" / "imagenet")
    assert imagenet.find(None) == own


def test_the_fingerprint_tells_copies_apart(write: Write, tmp_path: Path) -> None:
    first = imagenet.load(write(tmp_path / "a"), quiet).fingerprint
    other = write(tmp_path / "b")
    assert imagenet.load(other, quiet).fingerprint == first, "a copy elsewhere is the same data"
    (other / "train" / "n02" / "n02_3.JPEG").rename(other / "train" / "n02" / "n02_9.JPEG")
    renamed = imagenet.load(other, quiet).fingerprint
    assert renamed != first
    Image.new("RGB", (20, 20)).save(other / "val" / "n03" / "n03_0.png")
    assert imagenet.load(other, quiet).fingerprint not in (first, renamed)


def test_data_are_sent_to_another_process(write: Write) -> None:
    for data in (imagenet.load(write(), quiet), generated.load(None, quiet)):
        again: PictureData = pickle.loads(pickle.dumps(data))
        assert again.fingerprint == data.fingerprint
        assert np.array_equal(np.asarray(again.train.open(3)), np.asarray(data.train.open(3)))


def refused(root: Path, pattern: str) -> None:
    with pytest.raises(DataError, match=pattern) as caught:
        imagenet.load(root, quiet)
    assert "\n" not in str(caught.value)


def test_what_is_no_imagenet_is_one_clear_line(write: Write, tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "data folder .*: expected a folder, got none. Correct --data-root.")
    refused(tmp_path, "ImageNet in .*: expected train/<class>/.*, got neither. Name a folder")
    root = write()
    (root / "val" / "n04").mkdir()
    refused(root, "folder .*val: expected the same classes as in train, got another one, n04")
    (root / "val" / "n04").rmdir()
    for file in (root / "val" / "n02").iterdir():
        file.unlink()
    refused(root, r"class folder .*n02: expected pictures \(.jpg, .jpeg, .png\), got none")
    (root / "val" / "n02").rmdir()
    refused(root, "folder .*val: expected the same classes as in train, got none named n02")


def test_a_folder_without_classes_is_one_clear_line(tmp_path: Path) -> None:
    for part in ("train", "val"):
        (tmp_path / part).mkdir()
    refused(tmp_path, "folder .*train: expected 2 to 65,536 folders of classes, got 0")


def test_nothing_in_the_usual_places_is_one_clear_line() -> None:
    with pytest.raises(DataError, match=r"ImageNet in .*: expected train/.* got no such folder"):
        imagenet.load(None, quiet)


def test_generated_pictures_are_the_same_in_any_order() -> None:
    first, second = (generated.load(None, quiet) for _ in range(2))
    assert first.fingerprint == second.fingerprint
    pixels = [np.asarray(first.train.open(place)) for place in (1_000_000, 25, 26)]
    assert all(each.shape == (96, 96, 3) for each in pixels)
    again = [np.asarray(second.train.open(place)) for place in (26, 25, 1_000_000)]
    assert all(np.array_equal(*pair) for pair in zip(pixels, reversed(again), strict=True))
    assert not np.array_equal(pixels[1], np.asarray(first.test.open(25))), "test pictures are others"
    assert first.train.labels[[0, 11, 25]].tolist() == [0, 1, 5]


def test_the_generated_pixels_never_change() -> None:
    """Every pixel is whole-number arithmetic; a change needs another version."""
    assert generated.load(None, quiet).fingerprint == "aba1191f6145e192bd70c14b9f8b8bd4"


def test_generated_classes_differ_more_than_their_pictures() -> None:
    """Mean colours of the objects at the centre tell classes apart, though not surely."""
    train = generated.load(None, quiet).train
    centres = np.stack([np.asarray(train.open(place))[40:56, 40:56].mean((0, 1)) for place in range(400)])
    groups = centres.reshape(40, 10, 3)
    between, within = groups.mean(0).var(0).sum(), groups.var(0).mean(0).sum()
    assert between > within / 10


def test_there_are_as_many_as_imagenet_has() -> None:
    pool, held_out = split(named("imagenet"), generated.load(None, quiet))  # type: ignore[arg-type]
    assert len(pool) + len(held_out) == 1_281_167
    assert len(np.intersect1d(pool, held_out)) == 0
    assert np.bincount(generated.load(None, quiet).train_labels[held_out]).tolist() == pytest.approx(
        [5_000] * 10, abs=1
    )


def test_auto_takes_imagenet_if_it_is_there_and_says_if_not(write: Write, tmp_path: Path) -> None:
    lines: list[str] = []
    assert auto.load(write(), lines.append).name == "imagenet"
    assert not lines
    (tmp_path / "empty").mkdir()
    assert auto.load(tmp_path / "empty", lines.append).name == "synthetic-pictures"
    assert auto.load(None, lines.append).name == "synthetic-pictures"
    assert [line.startswith("ImageNet is not in") for line in lines] == [True, True]


def test_names_lead_to_data_of_the_right_kind(write: Write) -> None:
    protocol = named("imagenet-mini")
    assert dataset("auto", None, protocol).name == "synthetic-pictures"
    assert dataset("imagenet", write(), protocol).name == "imagenet"
    with pytest.raises(DataError, match="expected pictures, got cifar10, which holds images"):
        dataset("cifar10", None, protocol)


def test_a_root_that_is_not_used_is_mentioned(tmp_path: Path) -> None:
    lines: list[str] = []
    generated.load(tmp_path, lines.append)
    assert lines == [f"The stand-in for ImageNet is generated: --data-root {tmp_path} is not used"]
