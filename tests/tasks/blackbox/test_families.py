"""What every family promises: draws that nothing but seed, place and variant decides, and values that say no more."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.blackbox.contracts import FunctionFamily, Functions
from harness.library.blackbox.functions import labelled, made
from harness.registry import BUILT_IN, Kind

sys.path.append(str(Path(__file__).parents[2] / "support"))

import generated_tables

PAIRS = [(name, variant) for name in BUILT_IN[Kind.FUNCTION] for variant in made(name).variants]
STEPS, COUNT = 4, 6
every_function = pytest.mark.parametrize(("name", "variant"), PAIRS, ids=[labelled(*each) for each in PAIRS])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with all files that families read, while the package that one of them reads is there."""
    folder = tmp_path_factory.mktemp("functions")
    for family in generated_tables.CSV_TABLES:
        generated_tables.write(family, folder)
    with pytest.MonkeyPatch.context() as patch:
        generated_tables.install(patch)
        yield folder


@pytest.fixture
def family(name: str, root: Path) -> FunctionFamily:
    return made(name, root)


def asked(functions: Functions, rows: slice = slice(None)) -> np.ndarray:
    """The values of some functions at fixed points, (steps, functions)."""
    points = np.random.default_rng(9).random((STEPS, COUNT, functions.dimensions))
    return np.array([functions.evaluate(each[rows]) for each in points])


@every_function
def test_values_are_finite_one_for_each_function_and_the_dimensions_are_those_listed(
    variant: str, family: FunctionFamily
) -> None:
    functions = family.draw(0, COUNT, variant=variant)
    assert functions.dimensions == family.variants[variant].dimensions
    values = asked(functions)
    assert values.shape == (STEPS, COUNT)
    assert values.dtype == np.float64
    assert np.isfinite(values).all()
    corners = [functions.evaluate(np.full((COUNT, functions.dimensions), each)) for each in (0.0, 1.0)]
    assert np.isfinite(corners).all()


@every_function
def test_the_same_draw_has_the_same_values_and_another_seed_others(variant: str, family: FunctionFamily) -> None:
    values = asked(family.draw(1, COUNT, variant=variant))
    assert np.array_equal(values, asked(family.draw(1, COUNT, variant=variant)))
    if variant != "plain":
        assert not np.array_equal(values, asked(family.draw(2, COUNT, variant=variant)))
        assert (values != values[:, :1]).any()


@every_function
def test_a_function_does_not_depend_on_those_beside_it(variant: str, family: FunctionFamily) -> None:
    values = asked(family.draw(1, COUNT, variant=variant))
    assert np.allclose(asked(family.draw(1, 2, variant=variant), slice(2)), values[:, :2], rtol=0, atol=1e-12)


@every_function
def test_drawing_and_evaluating_move_neither_the_points_nor_global_generators(
    variant: str, family: FunctionFamily
) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - it is what nobody may touch
    functions = family.draw(0, COUNT, variant=variant)
    points = np.full((COUNT, functions.dimensions), 0.25)
    functions.evaluate(points)
    assert (points == 0.25).all()
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@every_function
def test_no_value_is_below_the_minimum_where_it_is_known(variant: str, family: FunctionFamily) -> None:
    functions = family.draw(0, COUNT, variant=variant)
    if family.name in ("gp", "repellers"):
        assert functions.minima is None
    else:
        assert functions.minima.shape == (COUNT,)
        assert (asked(functions) >= functions.minima).all()


@every_function
def test_a_fingerprint_says_which_files_were_read(variant: str, family: FunctionFamily, root: Path) -> None:
    fingerprint = family.fingerprint(variant)
    assert fingerprint == made(family.name, root).fingerprint(variant)
    assert len(fingerprint) == (32 if family.name in ("svm", "lda", "logreg", "nasbench201", "table-mini") else 0)


@pytest.mark.parametrize("name", BUILT_IN[Kind.FUNCTION])
def test_an_unknown_variant_is_one_line(family: FunctionFamily) -> None:
    with pytest.raises(ValueError, match=rf"^variant of {family.name}: expected .*, got 'nothing'\. "):
        family.draw(0, 1, variant="nothing")
