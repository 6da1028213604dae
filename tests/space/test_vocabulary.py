import pytest

from harness.errors import SpaceError
from harness.space import vocabulary
from harness.space.grammar import Space
from harness.space.vocabulary import ARXIV2, EDITIONS, ICML2017


def test_the_editions_have_the_sizes_of_the_protocol() -> None:
    sizes = {name: (len(words.operands), len(words.unary), len(words.binary)) for name, words in EDITIONS.items()}
    assert sizes == {"icml2017": (16, 11, 5), "arxiv2": (17, 12, 6), "decays": (21, 12, 6)}


def test_the_later_edition_adds_one_word_of_each_kind() -> None:
    assert set(ARXIV2.operands) - set(ICML2017.operands) == {"2"}
    assert set(ARXIV2.unary) - set(ICML2017.unary) == {"sqrt"}
    assert set(ARXIV2.binary) - set(ICML2017.binary) == {"pow"}
    assert set(ICML2017.operands) < set(ARXIV2.operands)


def test_decays_are_an_edition_of_their_own_so_that_spaces_of_the_others_stay_what_they_are() -> None:
    assert EDITIONS["decays"].operands == (*ARXIV2.operands, "ld", "cd", "rd", "anneal")
    assert Space.of("arxiv2").size() == 5_752_995_840
    assert Space.of("decays", operands=ARXIV2.operands).size() == Space.of("arxiv2").size()
    assert Space.of("decays", operands=["rd", "g", "ld"]).operands == ("g", "ld", "rd")
    with pytest.raises(SpaceError, match=r"got 'ld'\. Choose the space decays, which has it\.$"):
        Space.of("arxiv2", operands=["g", "ld"])


def test_an_unknown_edition_is_answered_with_the_nearest() -> None:
    with pytest.raises(SpaceError, match="Did you mean 'icml2017'"):
        vocabulary.edition("icml2016")


def test_a_subset_is_put_in_the_editions_order_without_repeats() -> None:
    assert vocabulary.subset("operand", ["m", "g", "m"], ICML2017.operands) == ("g", "m")


def test_a_group_stands_for_the_words_that_the_edition_has() -> None:
    assert vocabulary.subset("operand", ["numbers"], ARXIV2.operands) == ("1", "2")
    assert vocabulary.subset("operand", ["numbers", "g"], ICML2017.operands) == ("g", "1")
    assert vocabulary.subset("unary", ["drops"], ICML2017.unary) == ("drop1", "drop3", "drop5")


def test_every_group_is_made_of_words() -> None:
    known = {"operand": ARXIV2.operands, "unary": ARXIV2.unary, "binary": ARXIV2.binary}
    for kind, groups in vocabulary.GROUPS.items():
        for name, words in groups.items():
            assert set(words) <= set(known[kind])
            assert name not in known[kind]


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["gg"], "Did you mean 'g'"),
        (["2"], "expected one of"),
        ([], "at least one name, got none"),
        ("g", "expected a sequence of names"),
    ],
)
def test_a_bad_subset_is_one_clear_line(names: list[str], problem: str) -> None:
    with pytest.raises(SpaceError, match=problem) as caught:
        vocabulary.subset("operand", names, ICML2017.operands)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("edition", vocabulary.EDITIONS.values(), ids=lambda edition: edition.name)
@pytest.mark.parametrize("blocks", [1, 2, 3, 4])
def test_strings_are_the_size_of_the_unconstrained_space(edition: vocabulary.Edition, blocks: int) -> None:
    free = Space.of(edition.name, blocks=blocks, distinct_operands=False, last_not_add=False, connected=False)
    assert edition.strings(blocks) == free.size()
