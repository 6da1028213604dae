"""``harness.learn_optimizer``: what it fills in, what it refuses before it trains, and how it is stopped."""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from filelock import FileLock

import harness
from harness import registry
from harness.errors import DataError, HarnessError
from harness.library.learned import learning
from harness.library.learned.families import trainable
from harness.registry import BUILT_IN, Kind, Registered
from harness.tasks.learned.lstm import Architecture
from harness.tasks.learned.meta.partial import Partial
from harness.tasks.learned.meta.training import MetaTraining, partial_of
from harness.tasks.learned.problem import Schedule, Variant
from harness.tasks.learned.problems.art import NeuralArt
from harness.tasks.learned.problems.cifar10 import Cifar10
from harness.tasks.learned.problems.mnist import Mnist
from harness.tasks.learned.problems.quadratic import Quadratics
from harness.tasks.learned.weights import read


class Few(Quadratics):
    """Quadratics with variants, which are trained for a moment on an image data set."""

    inputs: ClassVar[str] = "images"
    variants: Mapping[str, Variant] = {
        "": Variant(summary="few", steps=3),
        "longer": Variant(summary="more steps", steps=5),
        "other": Variant(summary="to compare", steps=3, trains=False),
    }
    architecture: ClassVar[Architecture] = Architecture(hidden=2)
    schedule: ClassVar[Schedule] = Schedule(batch=2, draws=2, trial=1, rates=2, held_out=2, every=1)


class Images:
    """A data set by its name and fingerprint alone."""

    name, fingerprint = "mine", "abc"


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BUILT_IN[Kind.PROBLEM], "few", Registered(f"{__name__}:Few"))
    monkeypatch.setitem(BUILT_IN[Kind.PROBLEM], "broken", Registered("pathlib:Path"))
    monkeypatch.setitem(registry._HERE[Kind.PROBLEM], "few", Few)


def learned(to: Path, on: str = "few", **options: Any) -> learning.Learned:
    return harness.learn_optimizer(on, to, **{"data": Images(), "progress": False, "threads": 1, **options})


def test_the_header_says_where_the_weights_come_from(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    found = learned(to, "few/longer", seed=3, preset="deepmind")
    header = read(to).header
    assert (header.problems, header.data, header.fingerprint) == ("few/longer", "mine", "abc")
    assert (header.seed, header.preset) == (3, "deepmind")
    assert header.architecture == replace(Few.architecture, preprocessing=5.0, scale=0.01)
    assert header.commit
    assert header.environment.startswith("torch ")
    assert (found.hash, found.validation, found.examples) == (read(to).hash, header.validation, 6)
    assert found.seconds > 0
    assert f'LearnedOptimizer(model.parameters(), "{to}")' in str(found)


def test_a_schedule_that_is_chosen_is_trained_with_and_kept_in_the_file(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    chosen: dict[str, Any] = {"held_out": 3, "every": 2, "patience": 7, "coordinates": 5}
    found = learned(to, batches=4, problems_at_once=5, rate=0.01, decay="cosine", **chosen)
    expected = replace(Few.schedule, draws=4, batch=5, rates=1, rate=0.01, decay="cosine", **chosen)
    assert read(to).header.schedule == expected
    assert (found.examples, found.learning_rate) == (4 * 5, 0.01)
    learned(tmp_path / "more.safetensors", rates=4, every=10)
    assert read(tmp_path / "more.safetensors").header.schedule == replace(Few.schedule, rates=4, every=10)


def test_an_unfinished_training_of_another_schedule_is_refused(tmp_path: Path) -> None:
    to = tmp_path / "w.safetensors"
    learned(to, problems_at_once=3)
    unfinished = partial_of(to)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Partial, "delete", lambda _: None)
        to.unlink()
        learned(to, problems_at_once=3)
    assert unfinished.exists()
    with pytest.raises(HarnessError, match="expected --problems-at-once 4, got 3"):
        learned(to, problems_at_once=4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_a_gpu_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"device: expected cpu, .* finds no GPUs") as said:
        learned(tmp_path / "w.safetensors", device="cuda")
    assert "\n" not in str(said.value)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(HarnessError, match=r"finds no GPUs"):
        harness.compare_learned("quadratic", "adam", device="cuda", results=tmp_path, progress=False)


def test_a_path_that_no_candidate_can_have_is_not_shown_as_one(tmp_path: Path) -> None:
    assert "as a candidate" in str(learned(tmp_path / "w.safetensors"))
    assert "as a candidate" not in str(learned(tmp_path / "with blanks" / "w.safetensors"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"on": "fewer"}, "Did you mean 'few'"),
        ({"on": "few/longest"}, "Did you mean 'longer'"),
        ({"on": "few/"}, "variant of problems few"),
        ({"on": "quadratic/x"}, "expected none, got 'x'"),
        ({"on": "few/other"}, "expected one of few, few/longer, got a variant for comparisons only"),
        ({"on": "broken"}, "got one without "),
        ({"seed": -1}, "seed: expected 0 to"),
        ({"batches": 0}, "batches: expected 1 to"),
        ({"batches": 2.5}, "batches: expected a whole number, got 2.5"),
        ({"seed": True}, "seed: expected a whole number, got True"),
        ({"threads": 0}, "threads: expected auto or a number"),
        ({"threads": "many"}, "threads: expected auto or a number"),
        ({"preset": "papr"}, "Did you mean 'paper'"),
        ({"data": "ptb"}, "data of problems few: expected images"),
        ({"data": 3}, "data: expected a name, or a data set"),
        ({"problems_at_once": 0}, "problems at once: expected 1 to"),
        ({"coordinates": -1}, "coordinates: expected 0 to"),
        ({"held_out": 0}, "held out: expected 1 to"),
        ({"every": 0}, "every: expected 1 to"),
        ({"patience": 1.5}, "patience: expected a whole number"),
        ({"rates": 0}, "rates: expected 1 to"),
        ({"rate": 0}, "rate: expected 1e-09 to 10.0, got 0"),
        ({"rate": float("nan")}, "rate: expected 1e-09 to 10.0, got nan"),
        ({"rate": "fast"}, "rate: expected a number, got 'fast'"),
        ({"rate": 0.1, "rates": 2}, "rates: expected none where a rate is given, got 2"),
        ({"rate": 10**400}, "rate: expected 1e-09 to 10.0, got 1000"),
        ({"on": 3}, "problems: expected names, got 3. Name some, such as quadratic"),
        ({"to": 3}, "to: expected the path of a file or folder, got 3"),
        ({"to": ""}, "to: expected the path of a file or folder, got ''"),
        ({"data_root": 3}, "data_root: expected the path of a file or folder, got 3"),
        ({"preset": None}, "preset: expected one of deepmind, paper, got None"),
        ({"device": 3}, "device: expected cpu, or cuda if there is a GPU, got 3"),
        ({"decay": 3}, "decay: expected one of cosine, none, got 3"),
        ({"decay": "cosin"}, "decay: .*Did you mean 'cosine'"),
        ({"device": "tpu"}, "device: expected cpu, or cuda if there is a GPU, got 'tpu'"),
    ],
)
def test_mistakes_earn_one_line_and_leave_nothing(tmp_path: Path, options: dict, said: str) -> None:
    with pytest.raises(HarnessError, match=said) as refused:
        learned(**{"to": tmp_path / "w.safetensors", **options})
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_or_one_that_exists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"a name that ends in .safetensors, got w.pt"):
        learned(tmp_path / "w.pt")
    to = tmp_path / "w.safetensors"
    to.write_bytes(b"precious")
    with pytest.raises(HarnessError, match="expected a new file, got one that exists already"):
        learned(to)
    assert to.read_bytes() == b"precious"
    with pytest.raises(HarnessError, match="expected a place that can be written"):
        learned(to / "w.safetensors")


def test_ctrl_c_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, to = tmp_path / "whole.safetensors", tmp_path / "w.safetensors"
    learned(whole)
    batch, seen = MetaTraining._batch, []

    def interrupted(self: MetaTraining, *arguments: Any) -> None:
        seen.append(arguments)
        batch(self, *arguments)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(MetaTraining, "_batch", interrupted)
    with pytest.raises(KeyboardInterrupt, match="nothing is lost: call it again with to="):
        learned(to)
    assert len(seen) == 2
    assert partial_of(to).exists()
    learned(to)
    assert len(seen) == 3, "nothing is trained twice"
    assert to.read_bytes() == whole.read_bytes()


def test_a_training_that_ended_but_was_killed_before_it_tidied_up_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "w.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(Partial, "delete", lambda _: None)
        learned(to)
    before = to.read_bytes()
    learned(to)
    assert to.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [to.name]


def test_a_file_is_trained_for_by_one_process_at_a_time(tmp_path: Path) -> None:
    to = tmp_path / "new" / "w.safetensors"
    to.parent.mkdir()
    lock = to.with_name(f"{partial_of(to).name}.lock")
    with (
        FileLock(lock),
        pytest.raises(HarnessError, match="no other process, got another process running this") as said,
    ):
        learned(to, seed=1)
    assert "\n" not in str(said.value)
    assert not to.exists()
    learned(to)
    assert [path.name for path in to.parent.iterdir()] == [to.name]


def test_the_variants_that_the_help_names_can_be_trained_on() -> None:
    text = re.search(r"a variant as ``(.*?)``", str(harness.learn_optimizer.__doc__))
    assert text is not None
    assert trainable(text[1]).variant


def test_what_is_not_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = {"batches": 1, "progress": True, "preset": "deepmind"}
    learned(tmp_path / "w.safetensors", "quadratic", **options)
    said = capsys.readouterr().err
    assert "preset deepmind is the same as paper for quadratic" in said
    assert "data is not used: problems quadratic read none" in said


def test_a_family_reads_the_kind_of_data_that_it_names(tmp_path: Path) -> None:
    chosen = trainable("few")
    assert chosen.reads_data
    assert chosen.dataset("synthetic", None, announce=lambda _: None).name == "synthetic"
    with pytest.raises(DataError):
        chosen.dataset("cifar10", tmp_path, announce=lambda _: None)
    assert trainable("quadratic").dataset("auto", None, announce=lambda _: None).fingerprint == "none"


def test_the_page_has_the_schedule_of_each_family() -> None:
    page = (Path(__file__).parents[3] / "docs" / "learned.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("|")]
    names = ("batches", "problems-at-once", "coordinates", "held-out", "every", "patience", "rates")
    told = {
        name: [int(re.sub(r"\D", "", cell)) for cell in line.split("|")[2:6]]
        for name in names
        for line in lines
        if line.startswith(f"| `--{name}` |")
    }
    schedules = [kind.schedule for kind in (Quadratics, Mnist, Cifar10, NeuralArt)]
    assert told == {
        "batches": [each.draws for each in schedules],
        "problems-at-once": [each.batch for each in schedules],
        "coordinates": [each.coordinates for each in schedules],
        "held-out": [each.held_out for each in schedules],
        "every": [each.every for each in schedules],
        "patience": [each.patience for each in schedules],
        "rates": [each.rates for each in schedules],
    }
    (tried,) = [line for line in lines if line.startswith("| batches for each λ tried |")]
    assert [int(cell) for cell in tried.split("|")[2:6]] == [each.trial for each in schedules]
