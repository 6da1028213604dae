"""The first proposals of every registered searcher, as they were when its version was set.

A difference means that recorded runs no longer resume, and that old and new runs are not one searcher's. If it is
meant, raise the searcher's ``version``, say so in the changelog, and write the files anew from the repository's root:
``PYTHONPATH=. python tests/golden/test_first_proposals.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.conformance.driving import drive, small
from harness.registry import BUILT_IN, Kind, load
from harness.space.grammar import Space

FOLDER = Path(__file__).parent
SPACE = Space.of("icml2017", blocks=2)
COUNT = 40  # the last to begin to learn, tpe, does so after 25
PRESETS = ("paper", "icml2017", "arxiv2")  # of rl: methods of the paper, which no new version changes


def first_proposals(name: str) -> dict[str, object]:
    """What the golden file of a searcher should hold."""
    factory = load(Kind.SEARCHER, name)
    space = small() if hasattr(factory, "most_strings") else SPACE
    history = drive(factory(space, seed=0), space, proposals=COUNT)
    return {
        "searcher": name,
        "version": getattr(factory, "version", 1),
        "space": space.spec(),
        "seed": 0,
        "proposals": history.texts,
    }


@pytest.mark.parametrize("name", BUILT_IN[Kind.SEARCHER])
def test_first_proposals_are_unchanged(name) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert len(golden["proposals"]) == COUNT
    assert first_proposals(name) == golden


def proposals_of_preset(preset: str) -> list[str]:
    """What rl proposes first with a preset."""
    factory = load(Kind.SEARCHER, "rl")
    return drive(factory(SPACE, seed=0, preset=preset), SPACE, proposals=COUNT).texts


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_of_the_paper_propose_what_they_did_in_version_2(preset) -> None:
    golden = json.loads((FOLDER / "presets.json").read_text(encoding="utf-8"))
    assert proposals_of_preset(preset) == golden[preset]


if __name__ == "__main__":
    for each in BUILT_IN[Kind.SEARCHER]:
        text = json.dumps(first_proposals(each), indent=1) + "\n"
        (FOLDER / f"{each}.json").write_text(text, encoding="utf-8")
