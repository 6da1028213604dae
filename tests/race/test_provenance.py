from __future__ import annotations

from importlib.metadata import version

from harness.race import provenance


def test_it_tells_the_versions_of_what_searchers_propose_by(monkeypatch):
    told = provenance.provenance()
    assert {name: told[name] for name in ("deap", "optuna")} == {name: version(name) for name in ("deap", "optuna")}
    monkeypatch.setattr(provenance, "LIBRARIES", ("no-such-library",))
    assert provenance.provenance()["no-such-library"] == "none"
