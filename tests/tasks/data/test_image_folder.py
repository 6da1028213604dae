from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError
from harness.tasks.data.image_folder import Layout, decode, listing, signature


@pytest.fixture
def tree(write_tree: Callable[[Path], Path], tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree")


def test_images_come_class_by_class_in_the_order_of_their_names(tree: Path, layout: Layout) -> None:
    seen = []
    images, labels = decode(listing(tree, layout)["train"], layout, lambda: seen.append(1))
    assert labels.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(seen) == 6
    with Image.open(tree / "train" / "bee" / "0001.png") as expected:
        np.testing.assert_array_equal(images[4], np.asarray(expected))


def test_files_that_are_no_images_and_hidden_ones_are_passed_over(tree: Path, layout: Layout) -> None:
    before = [[entry.name for entry in entries] for entries in listing(tree, layout)["train"]]
    (tree / "train" / ".hidden").mkdir()
    (tree / "train" / "ant" / "notes.txt").write_text("")
    (tree / "train" / "ant" / "._0000.png").write_text("")
    assert [[entry.name for entry in entries] for entries in listing(tree, layout)["train"]] == before


def test_grey_images_become_rgb(tree: Path, layout: Layout) -> None:
    Image.new("L", (8, 8), 77).save(tree / "test" / "ant" / "0000.png")
    images, _ = decode(listing(tree, layout)["test"], layout, lambda: None)
    assert (images[0] == 77).all()


def lose_class(tree: Path) -> None:
    shutil.rmtree(tree / "train" / "bee")


def lose_image(tree: Path) -> None:
    (tree / "train" / "bee" / "0001.png").unlink()


def add_image(tree: Path) -> None:
    shutil.copy(tree / "test" / "bee" / "0001.png", tree / "test" / "bee" / "0009.png")


def add_class(tree: Path) -> None:
    (tree / "train" / "wasp").mkdir()


@pytest.mark.parametrize(
    ("spoil", "named", "said"),
    [
        (lose_class, "train/bee", "a readable folder"),
        (lose_image, "train/bee", "expected 3 images, got 2"),
        (add_image, "test/bee", "expected 2 images, got 3"),
        (add_class, "train/wasp", "one more"),
    ],
)
def test_an_incomplete_tree_is_refused_by_the_name_of_the_folder(
    spoil: Callable[[Path], None], named: str, said: str, tree: Path, layout: Layout
) -> None:
    spoil(tree)
    with pytest.raises(DataError) as refusal:
        listing(tree, layout)
    text = str(refusal.value)
    assert str(tree / named) in text
    assert said in text
    assert text.endswith("Get a complete copy.")


@pytest.mark.parametrize("content", [b"", b"no image at all", "cut"])
def test_a_damaged_image_is_named(content: bytes | str, tree: Path, layout: Layout) -> None:
    victim = tree / "train" / "bee" / "0002.png"
    whole = victim.read_bytes()
    victim.write_bytes(whole[: len(whole) // 2] if isinstance(content, str) else content)
    with pytest.raises(DataError, match="0002"):
        decode(listing(tree, layout)["train"], layout, lambda: None)


def test_an_image_of_another_size_is_named(tree: Path, layout: Layout) -> None:
    Image.new("RGB", (9, 8)).save(tree / "train" / "ant" / "0000.png")
    with pytest.raises(DataError, match=r"0000\.png: expected 8×8 pixels, got 9×8"):
        decode(listing(tree, layout)["train"], layout, lambda: None)


def test_the_signature_sees_files_replaced_renamed_and_copied_over(tree: Path, layout: Layout) -> None:
    def now() -> str:
        return signature(layout, listing(tree, layout))

    seen = [now(), now()]
    assert seen[0] == seen[1]
    first = tree / "train" / "ant" / "0000.png"
    os.utime(first, ns=(1, 1))  # what a copy over it in place changes
    seen.append(now())
    first.rename(first.with_name("000.png"))
    seen.append(now())
    replacement = tree / "aside.png"
    shutil.copy(tree / "train" / "ant" / "0002.png", replacement)
    replacement.replace(tree / "train" / "ant" / "0001.png")
    seen.append(now())
    assert len(set(seen[1:])) == 4


@pytest.mark.parametrize("name", ["train/ant/0000.png", "train/bee/0001.png", "test/bee/0001.png"])
def test_the_signature_sees_any_file_rewritten_in_place_at_once_with_its_size_and_time(
    name: str, tree: Path, layout: Layout
) -> None:
    victim = tree / name
    stat, content = victim.stat(), bytearray(victim.read_bytes())
    before = signature(layout, listing(tree, layout))
    content[-20] ^= 1
    victim.write_bytes(content)
    os.utime(victim, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert (victim.stat().st_size, victim.stat().st_mtime_ns) == (stat.st_size, stat.st_mtime_ns)
    assert signature(layout, listing(tree, layout)) != before


def test_a_dangling_link_is_named(tree: Path, layout: Layout) -> None:
    victim = tree / "train" / "bee" / "0002.png"
    victim.unlink()
    victim.symlink_to(tree / "nowhere.png")
    with pytest.raises(DataError, match=r"0002\.png: expected an intact image file, got No such file"):
        signature(layout, listing(tree, layout))
