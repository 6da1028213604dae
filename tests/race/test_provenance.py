from __future__ import annotations

from importlib.metadata import version

from harness.race import provenance


def test_it_tells_the_versions_of_what_searchers_propose_by(monkeypatch):
    told = provenance.provenance()
    assert {name: told[name] for name in ("deap", "optuna")} == {name: version(name) for name in ("deap", "optuna")}
    monkeypatch.setattr(provenance, "LIBRARIES", ("no-such-library",))
    assert provenance.provenance()["no-such-library"] == "none"


def test_the_command_tells_of_nobodys_folders(monkeypatch):
    given = [".venv/bin/harness", "run", "--results", "/home/me/runs", "--data-root=/data/cifar10"]
    given += ["--to", "C:\\Users\\me\\out", "--rule", "g / m", "results/here", "--set", "plain=0.5"]
    given += ["--data-root", "../../home/me/x", "--data-root=~/data", "--set", "gp.warm_start=/x/y", "--data", "/"]
    monkeypatch.setattr("sys.argv", given)
    told = "harness run --results runs --data-root=cifar10 --to out --rule g / m results/here --set plain=0.5"
    told += " --data-root x --data-root=data --set gp.warm_start=y --data /"
    assert provenance.provenance()["command"] == told
