"""Families of small functions over the unit box, and optimizers of it, some of which break their contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from harness.blackbox.contracts import FunctionVariant, Points, Values
from harness.errors import DataError, message
from harness.seeds import derive_seed


class SomeBowls:
    """f(x) = Σ (x − c)² + a, by function."""

    def __init__(self, centres: Points, least: Values, *, known: bool) -> None:
        self.centres, self.least, self.known = centres, least, known
        self.asked: list[Points] = []

    @property
    def dimensions(self) -> int:
        return self.centres.shape[1]

    @property
    def minima(self) -> Values | None:
        return self.least if self.known else None

    def evaluate(self, points: Points) -> Values:
        assert points.shape == self.centres.shape
        self.asked.append(points.copy())
        return ((points - self.centres) ** 2).sum(1) + self.least


class Bowls:
    """Bowls whose least value is known; ``hidden`` ones do not tell it."""

    name: ClassVar[str] = "bowls"
    version: ClassVar[int] = 3
    variants: Mapping[str, FunctionVariant] = {
        "": FunctionVariant(summary="bowls", dimensions=2),
        "1": FunctionVariant(summary="bowls of one dimension", dimensions=1),
        "hidden": FunctionVariant(summary="bowls that do not tell their least value", dimensions=2),
    }
    drawn: ClassVar[list[SomeBowls]] = []

    def __init__(self, root: Path | None = None) -> None:
        self.root = root

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        dimensions = self.variants[variant].dimensions
        rows = [np.random.default_rng(derive_seed(seed, "bowl", at)).random(dimensions + 1) for at in range(count)]
        numbers = np.stack(rows)
        made = SomeBowls(numbers[:, 1:], numbers[:, 0], known=variant != "hidden")
        self.drawn.append(made)
        return made

    def fingerprint(self, variant: str = "") -> str:  # noqa: ARG002
        return ""


class Filed(Bowls):
    """Bowls whose heights are read from a file."""

    name = "filed"

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        made = super().draw(seed, count, variant=variant)
        return SomeBowls(made.centres, made.least * float(self._text()), known=True)

    def fingerprint(self, variant: str = "") -> str:  # noqa: ARG002
        return f"height {self._text()}"

    def _text(self) -> str:
        path = Path(self.root or "nowhere") / "height.txt"
        if not path.is_file():
            hint = "Name its folder with --functions-root"
            raise DataError(message("functions filed", expected=f"a file {path.name}", got="none", hint=hint))
        return path.read_text(encoding="utf-8").strip()


class Broken(Bowls):
    """Bowls with a value that is no number."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        made = super().draw(seed, count, variant=variant)
        made.least[0] = np.nan
        return made


class Undrawn(Bowls):
    """Bowls that cannot be drawn."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:  # noqa: ARG002
        raise KeyError("drawn")


class Few(Bowls):
    """Bowls with too few minima."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        made = super().draw(seed, count, variant=variant)
        made.least = made.least[:3]
        return made


class Boastful(Bowls):
    """Bowls that declare a minimum far above their least value."""

    too_high: ClassVar[float] = 5.0

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        made = super().draw(seed, count, variant=variant)
        return Declared(made.centres, made.least, known=True, too_high=self.too_high)


class Rounded(Boastful):
    """Bowls whose minimum is declared a rounding error too high."""

    too_high = 1e-12


class Infinite(Boastful):
    """Bowls whose minimum is infinite."""

    too_high = np.inf


class Declared(SomeBowls):
    """Bowls that declare another least value than they have."""

    def __init__(self, centres: Points, least: Values, *, known: bool, too_high: float) -> None:
        super().__init__(centres, least, known=known)
        self.too_high = too_high

    @property
    def minima(self) -> Values:
        return self.least + self.too_high


class Unborn(Bowls):
    """Bowls of no version."""

    version = 0


class Pointlike(Bowls):
    """Bowls of no dimensions."""

    variants: ClassVar[Mapping[str, FunctionVariant]] = {"": FunctionVariant(summary="flat", dimensions=0)}


class Steep(Bowls):
    """Bowls whose values are finite, and their squares are not."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:
        made = super().draw(seed, count, variant=variant)
        made.least[:] = 1e200
        return made


class Leaving(Bowls):
    """Bowls that end the program as if all were well."""

    def draw(self, seed: int, count: int, *, variant: str = "") -> SomeBowls:  # noqa: ARG002
        raise SystemExit(0)


class NoVariants:
    """No family: it does not say what it has."""

    def __init__(self, root: object) -> None:
        """Take a folder."""


class Halving:
    """Draws uniformly from a box around the best point, which gets smaller.

    Args:
        dimensions: of the box.
        seed: decides every draw.
        by: what the box is multiplied by.
        corner: where it begins.
    """

    version = 1

    def __init__(
        self, dimensions: int, *, seed: int, by: float = 0.8, corner: Literal["middle", "origin"] = "middle"
    ) -> None:
        self.rng = np.random.default_rng(derive_seed(seed, "halving"))
        self.best = np.full(dimensions, 0.5 if corner == "middle" else 0.0)
        self.value, self.width, self.by = np.inf, 0.5, by
        self.told: list[float] = []

    def ask(self, count: int) -> Points:
        shift = self.rng.uniform(-self.width, self.width, (count, len(self.best)))
        return np.clip(self.best + shift, 0.0, 1.0)

    def tell(self, points: Points, values: Values) -> None:
        for point, value in zip(points, values, strict=True):
            self.told.append(float(value))
            self.width *= self.by
            if value < self.value:
                self.value, self.best = float(value), point


class Fleet(Halving):
    """The same, which can optimize many functions at once."""

    version = 2
    libraries = ("numpy",)
    widths: ClassVar[list[int]] = []

    @staticmethod
    def side_by_side(dimensions: int, *, seeds: Sequence[int], **settings: object) -> Together:
        Fleet.widths.append(len(seeds))
        return Together([Fleet(dimensions, seed=seed, **settings) for seed in seeds])  # type: ignore[arg-type]

    @staticmethod
    def fingerprint(dimensions: int, **settings: object) -> str:  # noqa: ARG004
        return f"weights of {dimensions}"


class Together:
    """Several of them."""

    def __init__(self, every: Sequence[Fleet]) -> None:
        self.every = every

    def ask(self) -> Points:
        self.asked = np.concatenate([each.ask(1) for each in self.every])
        return self.asked

    def tell(self, values: Values) -> None:
        for place, each in enumerate(self.every):
            each.tell(self.asked[place : place + 1], values[place : place + 1])


class Noted(Halving):
    """The same, with a note."""

    def __init__(self, dimensions: int, *, seed: int, note: str = "") -> None:
        super().__init__(dimensions, seed=seed)
        self.note = note


class Outside(Halving):
    """Asks for a point outside the box."""

    def ask(self, count: int) -> Points:
        return super().ask(count) + 1.0


class Flat(Halving):
    """Asks for points of another shape."""

    def ask(self, count: int) -> Points:
        return super().ask(count)[0]


class Ragged(Halving):
    """Asks for points of unequal lengths."""

    def ask(self, count: int) -> Points:  # noqa: ARG002
        return [[0.5], [0.5, 0.3]]  # type: ignore[return-value]


class Wordy(Halving):
    """Asks for a word; it can also optimize many functions at once."""

    def ask(self, count: int = 1) -> Points:  # noqa: ARG002
        return "abc"  # type: ignore[return-value]

    @staticmethod
    def side_by_side(dimensions: int, *, seeds: Sequence[int]) -> Wordy:
        return Wordy(dimensions, seed=seeds[0])


class Raising(Halving):
    """Cannot be told."""

    def tell(self, points: Points, values: Values) -> None:  # noqa: ARG002
        raise KeyError("told")


class Knowing(Halving):
    """Asks for the first bowl's centre, which it has looked up."""

    def ask(self, count: int) -> Points:
        return np.repeat(Bowls.drawn[-1].centres[:1], count, axis=0)


class Small(Halving):
    """Has one dimension only."""

    def __init__(self, dimensions: int, *, seed: int) -> None:
        if dimensions != 1:
            raise ValueError("one dimension")
        super().__init__(dimensions, seed=seed)


class Unversioned:
    """Has no version."""

    def __init__(self, dimensions: int, *, seed: int) -> None:
        """Make nothing."""


class Lettered(Halving):
    """It names a package where names of packages are due."""

    libraries = "numpy"


class Aged(Halving):
    """Its version is larger than any record holds."""

    version = 10**30


class Garrulous(Halving):
    """What it says of its files is longer than any record holds."""

    @staticmethod
    def fingerprint(_dimensions: int, **_settings: object) -> str:
        return "a" * 1000


class Imaginary(Halving):
    """It asks for complex points."""

    def ask(self, count: int) -> Points:
        return super().ask(count) + 0j
