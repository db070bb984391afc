"""Documents that are not of the form of certificates: texts, examples, networks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.kernel.examples import DOCUMENT, certificate
from theorycheck import kernel
from theorycheck.kernel import Rejected


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "null", "[]", "{}", "0", '"a"', "[" * 100_000, '{"a":' * 50_000, "[[[]]]" * 9,
        '{"a": 1, "a": 1}', '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', '{"a": 1.0}',
        '{"a": 1e999999999}', '{"a": 1E5}', '{"a": ' + "9" * 5000 + "}", '{"a": "\\ud800"}',
        '{"a": 1} {}', "\ufeff{}", "{'a': 1}", '{"a": 01}', '{"a": "\n"}', "\0",
    ],
)  # fmt: skip
def test_texts_that_are_no_certificates_are_rejected(text: str) -> None:
    with pytest.raises(Rejected) as caught:
        kernel.check(kernel.read(text, kernel.MOST_BYTES))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case["numbers"].pop("rho"),
        lambda case: case["numbers"].update(rho=1),
        lambda case: case["numbers"].update(rho=None),
        lambda case: case["numbers"].update(rho="1e999999999"),
        lambda case: case["numbers"].update(rho="NaN"),
        lambda case: case["numbers"].update(rho="-Infinity"),
        lambda case: case["numbers"].update(rho="1/0"),
        lambda case: case["numbers"].update(rho="-0"),
        lambda case: case["numbers"].update(rho="0/2"),
        lambda case: case["numbers"].update(rho="+1"),
        lambda case: case["numbers"].update(rho=" 1"),
        lambda case: case["numbers"].update(rho="1\n"),
        lambda case: case["numbers"].update(rho="1_0"),
        lambda case: case["numbers"].update(rho="\u0661"),
        lambda case: case["numbers"].update(rho="1" * 1501),
        lambda case: case["numbers"].update({f"z{i}": "1" for i in range(1000)}),
        lambda case: case.update(targets=[[["1"], ["-1"]]]),
        lambda case: case.update(inputs=[]),
        lambda case: case.update(inputs=[[]]),
        lambda case: case.update(inputs=case["inputs"] * 2),
        lambda case: case["inputs"][0].append(["1"]),
        lambda case: case["parameters"].pop(),
        lambda case: case["parameters"].reverse(),
        lambda case: case.pop("targets"),
        lambda case: case.update(extra=1),
        lambda case: case["network"].update(input_width=3),
        lambda case: case["network"].update(input_width=True),
        lambda case: case["network"].update(input_width="2"),
        lambda case: case["network"].update(layers=[]),
        lambda case: case["network"].update(layers=case["network"]["layers"] * 21),
        lambda case: case["network"]["layers"].reverse(),
        lambda case: case["network"]["layers"][0].update(width=0),
        lambda case: case["network"]["layers"][0].update(width=1001),
        lambda case: case["network"]["layers"][0].update(slope="1/4 "),
        lambda case: case["network"]["layers"][0].update(normalisation="layer"),
        lambda case: case["network"]["layers"][0].update(bias=1),
        lambda case: case["network"]["layers"][0].update(edges=[]),
        lambda case: case["network"]["layers"][0].update(edges=[{}]),
        lambda case: case["network"]["layers"][0].update(edges=[None]),
        lambda case: case["network"]["layers"][0]["edges"][0].update(source=1),
        lambda case: case["network"]["layers"][0]["edges"][0].update(source=-1),
        lambda case: case["network"]["layers"][0]["edges"][0].update(map="identities"),
        lambda case: case["network"]["layers"][0]["edges"][0].update(kernel=[1, 1]),
    ],
)
def test_a_malformed_example_is_rejected(change: Callable[[Any], Any]) -> None:
    case = json.loads(json.dumps(DOCUMENT))
    change(case)
    with pytest.raises(Rejected):
        kernel.check(certificate(case=case, given=["rho > 0"]))
    assert kernel.check(certificate(given=["rho > 0"]))


CONVOLUTION = {
    "source": 0, "map": "convolution", "channels": 1, "height": 1, "width": 4, "filters": 2,
    "kernel": [1, 2], "stride": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "accepted"),
    [
        ({}, True), ({"kernel": [2, 1]}, False), ({"kernel": [1]}, False), ({"kernel": []}, False),
        ({"kernel": [1, "2"]}, False), ({"kernel": [1, True]}, False), ({"kernel": [1, 0]}, False),
        ({"stride": 0}, False), ({"stride": -1}, False), ({"stride": 3}, False),
        ({"channels": 2}, False), ({"filters": 1}, False), ({"width": 10**9}, False),
    ],
)  # fmt: skip
def test_convolutions_must_fit(changes: dict[str, Any], accepted: bool) -> None:
    layer = {
        "width": 4, "edges": [{**CONVOLUTION, **changes}], "slope": "0", "normalisation": "none",
        "bias": False,
    }  # fmt: skip
    case = {
        "network": {"input_width": 4, "layers": [layer]},
        "parameters": [[[["1", "2"], ["0", "1"]]]],
        "inputs": [[["1", "2", "3", "4"]]], "targets": None, "numbers": {},
    }  # fmt: skip
    if accepted:
        right = certificate("f(0, 0) * f(0, 3) <= 20", case=case, left="20", right="20")
        assert kernel.check(right)
    else:
        with pytest.raises(Rejected):
            kernel.check(certificate(case=case))


@pytest.mark.parametrize("text", ["[1]", "1", '"a"', "null", "true"])
def test_what_is_no_object_says_so(text: str) -> None:
    with pytest.raises(Rejected, match="not a JSON object"):
        kernel.read(text, 10)


@pytest.mark.parametrize("count", [0, 41])
def test_networks_have_one_to_forty_layers(count: int) -> None:
    layer = {
        "width": 1, "edges": [{"source": 0, "map": "dense"}], "slope": "0",
        "normalisation": "none", "bias": False,
    }  # fmt: skip
    with pytest.raises(Rejected, match="number of layers is not between 1 and 40"):
        kernel.Network({"input_width": 1, "layers": [layer] * count})
    assert len(kernel.Network({"input_width": 1, "layers": [layer] * 40}).layers) == 40
