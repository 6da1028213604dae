"""Neural art's pictures: a folder, the generated stand-in, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import registry
from harness.errors import DataError
from harness.registry import AUTOMATIC, STAND_INS, Kind
from harness.tasks.data.art import auto, folder, generated, network
from harness.tasks.data.art.source import ArtData, Picture

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a small folder: three pictures of content, two of style, and the stand-in's network."""

    def written(root: Path = tmp_path / "art") -> Path:
        rng = np.random.default_rng(0)
        for part, count in (("content", 3), ("style", 2)):
            (root / part).mkdir(parents=True)
            for index in range(count):
                pixels = rng.integers(0, 256, (40 + index, 60, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / part / f"{index}.png")
        (root / "content" / "notes.txt").write_text("no picture")
        network.save(generated.random_network(), root / network.SAFETENSORS)
        return root

    return written


def quiet(_: str) -> None:
    """Say nothing."""


def test_pictures_are_read_in_the_order_of_their_names(write: Write) -> None:
    data = folder.load(write(), quiet)
    assert [each.name for each in data.content] == ["0.png", "1.png", "2.png"]
    assert [each.pixels.shape for each in data.style] == [(40, 60, 3), (41, 60, 3)]
    assert all(each.pixels.dtype == np.uint8 for each in (*data.content, *data.style))
    assert (data.name, data.network.layout) == ("neural-art", "chain")


def test_the_subfolder_and_the_variable_are_found(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "all" / "neural-art")
    assert folder.find(tmp_path / "all") == root
    assert folder.find(None) is None
    monkeypatch.setenv("HARNESS_DATA_ROOT", str(root))
    assert folder.find(None) == root


def test_large_pictures_are_reduced_and_others_kept(write: Write) -> None:
    root = write()
    Image.new("L", (900, 600)).save(root / "content" / "0.png")
    Image.new("RGBA", (256, 300)).save(root / "content" / "1.png")
    assert [each.pixels.shape for each in folder.load(root, quiet).content[:2]] == [(256, 384, 3), (300, 256, 3)]


def test_a_turned_photograph_is_set_upright(write: Write) -> None:
    root = write()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (80, 50)).save(root / "content" / "0.png", exif=turned)
    assert folder.load(root, quiet).content[0].pixels.shape == (80, 50, 3)


def test_a_changed_pixel_or_weight_changes_the_fingerprint(write: Write, tmp_path: Path) -> None:
    first = folder.load(write(tmp_path / "a"), quiet)
    root = write(tmp_path / "b")
    assert folder.load(root, quiet).fingerprint == first.fingerprint, "a copy elsewhere is the same data"
    seen = {first.fingerprint}
    for part in ("content", "style"):
        pixels = np.asarray(Image.open(root / part / "1.png")).copy()
        pixels[3, 4, 1] ^= 1
        Image.fromarray(pixels).save(root / part / "1.png")
        seen.add(folder.load(root, quiet).fingerprint)
    frozen = folder.load(root, quiet).network
    frozen.arrays["convolution2.b"][0] = 0.5
    network.save(frozen, root / network.SAFETENSORS)
    seen.add(folder.load(root, quiet).fingerprint)
    assert len(seen) == 4


def test_content_and_style_are_told_apart_by_the_fingerprint() -> None:
    data = generated.load(None, quiet)
    together = [*data.content, *data.style]
    other = ArtData.of("x", content=together[:5], style=together[5:], network=data.network, source="")
    assert other.fingerprint != data.fingerprint


def refused(root: Path | None, pattern: str) -> None:
    with pytest.raises(DataError, match=pattern) as caught:
        folder.load(root, quiet)
    assert "\n" not in str(caught.value)


def test_a_folder_that_lacks_something_is_one_clear_line(write: Write, tmp_path: Path) -> None:
    refused(None, r"neural art: expected content/\*, style/\* and network.npz or .* got no --data-root")
    refused(tmp_path / "nowhere", "data in .*nowhere: expected a folder, got no such folder")
    refused(tmp_path, "neural art in .*: expected content/.*, got no such files. Name a folder")
    root = write()
    (root / "style" / "1.png").unlink()
    refused(root, r"folder .*style: expected 2 to 2,000 pictures \(.jpg, .jpeg, .png\), got 1. Add some.")
    (root / network.SAFETENSORS).unlink()
    refused(root, r"folder .*art: expected network.npz or network.safetensors, got neither. Put one there; the page")
    (root / network.NPZ).touch()
    (root / network.SAFETENSORS).touch()
    refused(root, "expected network.npz or network.safetensors, got both. Remove one.")


def test_too_many_pictures_are_one_clear_line(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MOST", 2)
    refused(write(), r"folder .*content: expected 2 to 2 pictures .*, got 3. Remove some.")


def test_what_is_no_picture_is_one_clear_line(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write()
    place = root / "content" / "1.png"
    whole = place.read_bytes()
    for damaged in (b"not a picture", b"", whole[: len(whole) // 2]):
        place.write_bytes(damaged)
        refused(root, r"picture .*1.png: expected an intact picture of moderate size, got .*. Replace or remove it.")
    Image.new("RGB", (31, 400)).save(place)
    refused(root, "picture .*1.png: expected at least 32 pixels on each side, got 31×400.")
    Image.new("RGB", (400, 400)).save(place)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100_000)
    refused(root, "picture .*1.png: expected an intact picture of moderate size, got Image size")


def test_the_stand_in_is_the_same_everywhere() -> None:
    """Pixels and weights are whole-number arithmetic; a change needs another version."""
    data = generated.load(None, quiet)
    assert data.fingerprint == "c8cadbeca802101e3653d48ed4cc9edf"
    assert (len(data.content), len(data.style)) == (16, 3)
    assert {each.pixels.shape for each in data.content} == {(96, 96, 3)}
    assert {each.pixels.shape for each in data.style} == {(256, 256, 3)}


def test_the_pictures_of_the_stand_in_differ() -> None:
    data = generated.load(None, quiet)
    every: list[Picture] = [*data.content, *data.style]
    assert len({each.pixels.tobytes() for each in every}) == len({each.name for each in every}) == 19
    assert min(each.pixels.std() for each in every) > 20


def test_a_root_that_is_not_used_is_mentioned(tmp_path: Path) -> None:
    lines: list[str] = []
    generated.load(tmp_path, lines.append)
    assert lines == [f"The stand-in for neural art is generated: --data-root {tmp_path} is not used"]


def test_auto_takes_the_folder_if_it_is_there_and_says_if_not(write: Write, tmp_path: Path) -> None:
    lines: list[str] = []
    assert auto.load(write(), lines.append).name == "neural-art"
    assert not lines
    (tmp_path / "empty").mkdir()
    assert auto.load(tmp_path / "empty", lines.append).name == "synthetic-art"
    assert auto.load(None, lines.append).name == "synthetic-art"
    assert [line.startswith("Pictures for neural art are not in") for line in lines] == [True, True]


def test_auto_never_replaces_a_damaged_folder(write: Write) -> None:
    root = write()
    (root / network.SAFETENSORS).unlink()
    with pytest.raises(DataError, match="got neither"):
        auto.load(root, quiet)


def test_the_names_are_registered() -> None:
    assert registry.load(Kind.DATA, "neural-art") is folder.load
    assert registry.load(Kind.DATA, STAND_INS["art"]) is generated.load
    assert registry.load(Kind.DATA, AUTOMATIC["art"]) is auto.load
