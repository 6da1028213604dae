"""Learned optimizers as candidates: read, recorded, sent to workers; weights that are gone or others say so."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from harness.board.rules.known import candidate
from harness.candidates import NamedOptimizer, names_optimizer
from harness.errors import SettingError
from harness.race.store.rows import candidate_from
from harness.tasks.learned.optimizer import LearnedOptimizer
from harness.tasks.learned.weights import LearnedWeights, save
from harness.tasks.optimizer.candidate import Buildable


@pytest.fixture
def text(file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(file.parent)
    return f"learned:file(path='{file.name}')"


def test_a_file_is_a_candidate_whose_record_names_the_weights(text: str, weights: LearnedWeights) -> None:
    found = candidate(f" {text}")
    assert isinstance(found, Buildable)
    assert (found.text, found.infix) == (text, text.replace(":", " ", 1))
    assert str(found) == f"learned:file(path='tiny.safetensors';weights='{weights.hash}')"
    assert names_optimizer(str(found))
    assert "(" in found.key
    read = candidate_from(str(found))
    assert isinstance(read, NamedOptimizer)
    assert (read.key, str(read)) == (found.key, str(found))
    assert candidate(read.text).key == found.key


def test_a_path_with_folders_is_read_and_recorded(file: Path) -> None:
    found = candidate(f"learned:file(path='{file}')")
    assert NamedOptimizer.read(str(found)).options["path"] == str(file)


def test_it_is_sent_to_workers_and_built_with_the_sweeps_rate(text: str) -> None:
    found = pickle.loads(pickle.dumps(candidate(text)))
    steps = []
    for rate in (1.0, 0.25):
        param = nn.Parameter(torch.zeros(5))
        param.grad = torch.linspace(-1, 1, 5)
        optimizer = found.build([param], learning_rate=rate)
        assert isinstance(optimizer, LearnedOptimizer)
        optimizer.step()
        steps.append(param.detach())
    torch.testing.assert_close(0.25 * steps[0], steps[1])


def test_weights_that_are_gone_or_others_stop_it_in_one_line(
    text: str, file: Path, made: Callable[..., LearnedWeights]
) -> None:
    found = candidate(text)
    save(made(seed=1), file)
    with pytest.raises(SettingError, match=r"weights of candidate learned:file.*: expected .*Restore the weights"):
        found.build([nn.Parameter(torch.zeros(1))], learning_rate=1.0)
    assert candidate(text).key != found.key, "other weights are another candidate"
    file.unlink()
    with pytest.raises(SettingError, match="No such file"):
        found.build([nn.Parameter(torch.zeros(1))], learning_rate=1.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("learned:file", "expected a file, got None"),
        ("learned:file()", "expected a file, got None"),
        ("learned:file(path=3)", "expected a file, got 3"),
        ("learned:file(path='none.safetensors')", "No such file"),
        ("learned:file(path='a b.safetensors')", "a word in quotes"),
        ("learned:file(path='x', lr=1)", "option: expected one of path"),
        ("learned:file(path='x', weights='0')", "option: expected one of path"),
        ("learned:nosuchthing", "candidate learned:nosuchthing"),
        ("learned:nosuchthing(path='x')", "option: expected nothing"),
        ("learned:", "NAME"),
        ("learned:../x", "NAME"),
    ],
)
def test_a_mistake_earns_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=said) as refused:
        candidate(wrong)
    assert "\n" not in str(refused.value)


def test_a_family_with_a_hyphen_is_written_either_way() -> None:
    assert candidate("learned:neural-art") == candidate("learned:neural_art")
