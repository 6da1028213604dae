from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from harness.tasks.data import cache
from harness.tasks.data.cache import ARRAYS, remembered
from harness.tasks.data.images import ImageData


@pytest.fixture
def folder(own_cache: Path) -> Path:
    return own_cache / "decoded"


class Decoder:
    """Counts how often it is asked to decode, and what was announced."""

    def __init__(self, seed: int = 0) -> None:
        self.calls = 0
        self.lines: list[str] = []
        rng = np.random.default_rng(seed)
        images, labels = rng.integers(0, 256, (9, 4, 4, 3), dtype=np.uint8), np.arange(9, dtype=np.uint8)
        self.data = ImageData.of("mini", train=(images[:6], labels[:6]), test=(images[6:], labels[6:]), source="x")

    def __call__(self) -> ImageData:
        self.calls += 1
        return self.data

    def load(self, signature: str = "s") -> ImageData:
        return remembered("mini", signature, "x", self, self.lines.append)


def same(one: ImageData, other: ImageData) -> bool:
    return one.fingerprint == other.fingerprint and all(
        np.array_equal(getattr(one, array), getattr(other, array)) for array in ARRAYS
    )


def test_decoding_happens_once(folder: Path) -> None:
    decoder = Decoder()
    assert same(decoder.load(), decoder.data)
    assert same(decoder.load(), decoder.data)
    assert (decoder.calls, decoder.lines) == (1, [])
    assert [path.suffix for path in folder.iterdir()] == [".arrays"]


def test_another_signature_is_another_entry(folder: Path) -> None:
    decoder, other = Decoder(), Decoder(seed=1)
    decoder.load("one")
    assert same(other.load("two"), other.data)
    assert same(decoder.load("one"), decoder.data)
    assert (decoder.calls, other.calls, len(list(folder.iterdir()))) == (1, 1, 2)


def test_damage_anywhere_is_noticed_said_and_repaired(folder: Path) -> None:
    decoder = Decoder()
    decoder.load()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    pixels = whole.index(decoder.data.train_images.tobytes())
    damaged = {f"bit at {at}": whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in (0, pixels + 50)}
    damaged |= {"cut": whole[: len(whole) // 2], "empty": b"", "something else": b"x" * 1000}
    for what, content in damaged.items():
        path.write_bytes(content)
        decoder.calls, decoder.lines = 0, []
        assert same(decoder.load(), decoder.data), what
        assert decoder.calls == 1, what
        assert len(decoder.lines) == 1, what
        assert "damaged" in decoder.lines[0], what
        assert same(decoder.load(), decoder.data), what
        assert decoder.calls == 1, f"{what}: not repaired"


def test_no_flipped_bit_changes_what_is_read(folder: Path) -> None:
    decoder = Decoder()
    decoder.load()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        assert same(decoder.load(), decoder.data), at


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file" / "cache"))
    decoder = Decoder()
    assert same(decoder.load(), decoder.data)
    assert len(decoder.lines) == 1
    assert "continuing without" in decoder.lines[0]


def test_a_write_that_fails_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    decoder = Decoder()
    assert same(decoder.load(), decoder.data)
    assert "No space left on device" in decoder.lines[0]
    assert list(folder.iterdir()) == []


def test_many_at_once_agree(folder: Path) -> None:
    decoder = Decoder()
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: decoder.load(), range(32)))
    assert all(same(data, decoder.data) for data in loaded)
    assert decoder.lines == []
    assert [path.suffix for path in folder.iterdir()] == [".arrays"]


def test_the_folder_is_the_users_own_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    assert "harness" in cache.folder().parts[-1]
    monkeypatch.setenv("HARNESS_CACHE", "~/elsewhere")
    assert cache.folder() == Path.home() / "elsewhere"
