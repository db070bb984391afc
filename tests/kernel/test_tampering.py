"""Thousands of certificates that were tampered with and not sealed again: each is rejected."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.kernel.examples import CERTIFICATES, each_certificate, judged
from tests.kernel.tampering import tampered
from theorycheck import kernel
from theorycheck.kernel import Rejected


@each_certificate
def test_what_is_changed_without_a_new_seal_is_rejected(path: Path) -> None:
    original = json.loads(path.read_text())
    generator = random.Random(path.stem)
    for _ in range(60):
        changed = tampered(original, generator)
        if changed != original or json.dumps(changed) != json.dumps(original):
            assert judged(changed) is not None, changed


def test_texts_that_are_cut_or_garbled_are_rejected() -> None:
    generator = random.Random(0)
    for path in CERTIFICATES:
        text = path.read_text()
        for _ in range(25):
            end = generator.randrange(len(text.rstrip()))
            letter = chr(
                generator.choice([0, 9, 34, 44, 58, 91, 123, 233, 0x2028, 0xFFFF, 0x1F600])
            )
            for garbled in (
                text[:end],
                text[:end] + letter + text[end:],
                text[end:],
                text + letter,
            ):
                try:
                    # A space more between two values changes nothing.
                    unchanged = json.loads(garbled) == json.loads(text)
                except ValueError:
                    unchanged = False
                if not unchanged:
                    with pytest.raises(Rejected) as caught:
                        kernel.check(kernel.read(garbled, kernel.MOST_BYTES))
                    assert str(caught.value).isprintable()
