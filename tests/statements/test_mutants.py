"""Mutants of whole statements."""

from __future__ import annotations

from theorycheck.statements.mutants import dependent, mutants, of_the_conclusion
from theorycheck.statements.syntax import Statement
from theorycheck.statements.vocabulary import require_known

STATEMENT = Statement.of(
    "g(k) == depth",
    forall=("k in weights",),
    given=("h2 > 0",),
    where=("h2 = 2 * depth", "inside(k) = squared(W[k])", "g(k) = inside(k) + h2",
           "count = len(samples)", "total(n) = n + count"),
)  # fmt: skip


def test_every_mutant_is_a_statement_and_none_comes_twice() -> None:
    found = mutants(STATEMENT)
    texts = [(m.statement.conclusion.text, *(d.text for d in m.statement.where)) for m in found]
    assert len(set(texts)) == len(texts) > 5
    for mutant in found:
        require_known(mutant.statement)
        assert mutant.statement.given == STATEMENT.given
        assert mutant.statement.forall == STATEMENT.forall


def test_what_hypotheses_use_is_left_alone_and_so_is_what_only_counts() -> None:
    """`inside` is used by `g` alone, not by the conclusion itself."""
    assert [d.name for d in of_the_conclusion(STATEMENT)] == ["g"]
    assert {mutant.within for mutant in mutants(STATEMENT)} == {None, "g"}
    counting = Statement.of(
        "total(count) == 1", where=("count = len(samples)", "total(n) = 2 * n + f(0, 0)")
    )
    assert [d.name for d in of_the_conclusion(counting)] == ["total"]


def test_what_uses_an_abbreviation() -> None:
    assert dependent(STATEMENT, "count") == {"count", "total"}
    assert dependent(STATEMENT, "inside") == {"inside", "g"}


def test_words_say_what_stands_where() -> None:
    words = {(m.change, m.words) for m in mutants(STATEMENT)}
    assert ("factor", "`2 * g(k)` for `g(k)`") in words
    assert ("dropped term", "`inside(k)` for `inside(k) + h2`, in g") in words


def test_the_weight_decay_is_doubled_everywhere_at_once() -> None:
    statement = Statement.of("weight_decay * (1 + weight_decay) == 1", numbers=("weight_decay",))
    [mutant] = [m for m in mutants(statement) if m.change == "weight decay"]
    expected = "2 * weight_decay * (1 + 2 * weight_decay) == 1"
    assert mutant.statement.conclusion.text == expected


def test_what_is_no_statement_is_left_out() -> None:
    """Such as one that is too long."""
    statement = Statement.of(f"f(0, 0) == sum([{', '.join('1' * 659)}])")
    assert len(statement.conclusion.text) > 1990
    found = mutants(statement)
    assert all(len(m.statement.conclusion.text) <= 2000 for m in found)
    assert "margin" not in {mutant.change for mutant in found}


def test_mutants_are_the_same_every_time() -> None:
    assert [m.words for m in mutants(STATEMENT)] == [m.words for m in mutants(STATEMENT)]
