"""The words of a report: every verdict and every strength is explained, in every form."""

from __future__ import annotations

from typing import get_args

from tests.reports.entries import report
from theorycheck import reports
from theorycheck.claims.strengths import Level
from theorycheck.claims.verdicts import Verdict
from theorycheck.reports.glossary import TENDENCIES, TERMS, VERDICTS
from theorycheck.reports.needs import WORDS


def test_every_verdict_and_every_strength_is_explained() -> None:
    assert VERDICTS.keys() == {verdict.value for verdict in Verdict}
    assert set(get_args(Level)) <= TERMS.keys()


def test_everything_that_is_said_of_a_hypothesis_is_explained() -> None:
    assert set(WORDS.values()) <= TERMS.keys()


def test_no_word_is_explained_twice() -> None:
    assert len({**VERDICTS, **TERMS, **TENDENCIES}) == len(VERDICTS) + len(TERMS) + len(TENDENCIES)


def test_both_pages_explain_the_same_words() -> None:
    pages = reports.pages(report())
    for meaning in {**VERDICTS, **TERMS, **TENDENCIES}.values():
        assert all(meaning in page for page in pages.values())
