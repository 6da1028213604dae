"""Running text and parallel text from files: what is read, and the one line that says what is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.tasks.data import roots
from harness.tasks.data.text import auto, grammar, language_pair, parallel, ptb

TEXTS = {"train": " a b \n <unk> b\n", "valid": " b\n", "test": " c a\n"}
PAIRS = {
    "train.en": "A dog.\nTwo dogs.\n\n",
    "train.de": "Ein Hund.\nZwei Hunde.\nEine Zeile.\n",
    "val.en": "A cat.\n",
    "val.de": "Eine Katze.\n",
    "test.en": "A cow.\n",
    "test.de": "Eine Kuh.\n",
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the user's cache, and from data that the environment names."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HARNESS_CACHE", str(folder))
    monkeypatch.delenv(roots.ROOT_VARIABLE, raising=False)
    return folder


@pytest.fixture
def treebank(tmp_path: Path) -> Path:
    """A tiny Penn Treebank."""
    folder = tmp_path / "data" / "ptb"
    folder.mkdir(parents=True)
    for part, text in TEXTS.items():
        (folder / f"ptb.{part}.txt").write_text(text)
    return folder


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    """A tiny Multi30k."""
    folder = tmp_path / "data" / "multi30k"
    folder.mkdir(parents=True)
    for name, text in PAIRS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def heard(_: str) -> None:
    """Take a line for the user."""


def test_penn_treebank_is_words_with_an_end_for_each_line(treebank: Path) -> None:
    data = ptb.load(treebank, heard)
    assert [data.words[place] for place in data.train] == ["a", "b", "<eos>", "<unk>", "b", "<eos>"]
    assert [data.words[place] for place in data.validation] == ["b", "<eos>"]
    assert [data.words[place] for place in data.test] == ["c", "a", "<eos>"]


def test_penn_treebank_is_found_in_a_subfolder_by_the_environment_and_compressed(
    treebank: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ptb.load(treebank, heard)
    whole = treebank / "ptb.train.txt"
    (treebank / "ptb.train.txt.gz").write_bytes(gzip.compress(whole.read_bytes()))
    whole.unlink()
    monkeypatch.setenv(roots.ROOT_VARIABLE, str(treebank.parent))
    assert ptb.load(None, heard).fingerprint == plain.fingerprint


def test_a_second_start_reads_the_words_from_the_cache(
    treebank: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ptb.load(treebank, heard)
    assert list((own_cache / "decoded").iterdir())
    monkeypatch.setattr(ptb.reading, "lines_of", None)  # nothing may read the files again
    second = ptb.load(treebank, heard)
    assert (second.words, second.fingerprint) == (first.words, first.fingerprint)
    assert second.train.tolist() == first.train.tolist()


def test_a_changed_file_is_read_again_and_has_another_fingerprint(treebank: Path) -> None:
    before = ptb.load(treebank, heard).fingerprint
    (treebank / "ptb.test.txt").write_text(" a c\n")
    assert ptb.load(treebank, heard).fingerprint != before


def test_line_ends_of_windows_and_byte_order_marks_change_no_word(treebank: Path) -> None:
    before = ptb.load(treebank, heard).fingerprint
    text = "\ufeff" + TEXTS["train"].replace("\n", "\r\n")
    (treebank / "ptb.train.txt").write_bytes(text.encode())
    assert ptb.load(treebank, heard).fingerprint == before


def test_parallel_text_is_pairs_from_english_without_empty_sides(captions: Path) -> None:
    for root in (captions, captions.parent):
        data = parallel.multi30k(root, heard)
        assert list(data.train) == [("A dog.", "Ein Hund."), ("Two dogs.", "Zwei Hunde.")]
        assert list(data.test) == [("A cow.", "Eine Kuh.")]


def test_a_line_ends_at_a_line_feed_alone(captions: Path) -> None:
    """Crawled text has other signs that Python takes for ends of lines."""
    (captions / "val.en").write_text("A\u2028cat\x85 \x0cand.\n", encoding="utf-8")
    assert list(parallel.multi30k(captions, heard).validation) == [("A\u2028cat\x85 \x0cand.", "Eine Katze.")]


def test_other_names_of_the_parts_and_compressed_files_are_known(captions: Path) -> None:
    before = parallel.multi30k(captions, heard)
    for language in ("en", "de"):
        held = captions / f"test.{language}"
        (captions / f"test_2016_flickr.{language}.gz").write_bytes(gzip.compress(held.read_bytes()))
        held.unlink()
        (captions / f"val.{language}").rename(captions / f"dev.{language}")
    assert parallel.multi30k(captions, heard).fingerprint == before.fingerprint


def test_languages_without_english_go_in_alphabetical_order(captions: Path) -> None:
    for part in ("train", "val", "test"):
        (captions / f"{part}.en").rename(captions / f"{part}.fr")
    assert next(iter(parallel.parallel(captions, heard).test)) == ("Eine Kuh.", "A cow.")


def test_auto_takes_the_text_that_is_there_and_says_if_there_is_none(
    captions: Path, treebank: Path, tmp_path: Path
) -> None:
    assert auto.tokens(treebank.parent, heard).name == "ptb"
    assert auto.pairs(captions.parent, heard).name == "multi30k"
    other = captions.parent / "own"
    captions.rename(other)
    assert auto.pairs(other, heard).name == "parallel"
    empty, told = tmp_path / "empty", []
    empty.mkdir()
    assert auto.tokens(empty, told.append).name == grammar.NAME
    assert auto.pairs(None, told.append).name == language_pair.NAME
    assert [line.partition(": ")[0] for line in told] == [
        f"Penn Treebank is not in {empty}",
        "Parallel text such as Multi30k is not in the cache, and neither --data-root nor HARNESS_DATA_ROOT is set",
    ]


def break_text(treebank: Path, _: Path) -> None:
    (treebank / "ptb.valid.txt").unlink()


def empty_text(treebank: Path, _: Path) -> None:
    (treebank / "ptb.valid.txt").write_text("\n")


def latin_text(treebank: Path, _: Path) -> None:
    (treebank / "ptb.valid.txt").write_bytes("a\ngrün\n".encode("latin1"))


def cut_text(treebank: Path, _: Path) -> None:
    whole = treebank / "ptb.valid.txt"
    (treebank / "ptb.valid.txt.gz").write_bytes(gzip.compress(b"a b c d e f g\n" * 99)[:-9])
    whole.unlink()


def misalign(_: Path, captions: Path) -> None:
    (captions / "train.de").write_text("Ein Hund.\n")


def add_language(_: Path, captions: Path) -> None:
    (captions / "train.fr").write_text("Un chien.\n")


def drop_part(_: Path, captions: Path) -> None:
    (captions / "val.de").unlink()


def drop_all(treebank: Path, captions: Path) -> None:
    for path in (*treebank.iterdir(), *captions.iterdir()):
        path.unlink()


@pytest.mark.parametrize(
    ("damage", "load", "line"),
    [
        (break_text, ptb.load, r"expected ptb.train.txt, .*, got none named ptb.valid.txt. Name the folder"),
        (empty_text, ptb.load, r"ptb.valid.txt: expected lines of text, got an empty file. "),
        (
            latin_text,
            ptb.load,
            r"expected text in UTF-8, got the byte 0xfc in line 2. Convert it, for example by: iconv",
        ),
        (cut_text, ptb.load, r"ptb.valid.txt.gz: expected an intact gzip file, got "),
        (
            misalign,
            parallel.multi30k,
            r"train.en and train.de in .*: expected equally many lines, got 3 and 1. Get a copy",
        ),
        (add_language, parallel.multi30k, r"in two languages, got train.de, train.en, train.fr. Name the folder"),
        (drop_part, parallel.multi30k, r"validation pairs in .*, got none of val or valid .*en/de. Name the folder"),
        (drop_all, ptb.load, r"Penn Treebank in .*: expected ptb.train.txt, .*, got no such files. Name the folder"),
        (drop_all, parallel.wmt14, r"data set 'wmt14' in .*: expected train.<language>, .*, got no such files. Name"),
    ],
)
def test_damaged_text_is_one_line_with_what_to_do(damage, load, line, treebank: Path, captions: Path) -> None:
    damage(treebank, captions)
    root = treebank if load is ptb.load else captions
    with pytest.raises(DataError, match=line) as caught:
        load(root, heard)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("load", [ptb.load, parallel.multi30k, auto.tokens, auto.pairs])
def test_a_root_that_does_not_exist_is_an_error_even_for_auto(load, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected a folder, got no such folder. Correct --data-root"):
        load(tmp_path / "nowhere", heard)


@pytest.mark.parametrize(("load", "title"), [(ptb.load, "Penn Treebank"), (parallel.parallel, "data set 'parallel'")])
def test_text_asked_for_without_a_folder_says_how_to_name_one(load, title: str) -> None:
    with pytest.raises(DataError, match=rf"^{title}: .* got no --data-root, nor a folder in HARNESS_DATA_ROOT"):
        load(None, heard)
