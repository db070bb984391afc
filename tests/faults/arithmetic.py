"""Faults of exact arithmetic, of bit counts and of enclosures."""

from __future__ import annotations

from tests.faults.fault import Fault

FAULTS = [
    Fault(
        "first-member",
        "arithmetic.cases",
        "the case of a member is the first one's",
        old="self.members_at(slice(index, index + 1))",
        new="self.members_at(slice(0, 1))",
        asked=("tests/arithmetic/test_cases.py::test_member_takes_one_of_each",),
    ),
    Fault(
        "rounded-thirds",
        "arithmetic.cases",
        "a certificate's numbers are read as floats",
        old="return floats if representable else fractions",
        new="return floats",
        asked=("tests/arithmetic/test_cases.py::test_every_number_survives_exactly",),
    ),
    Fault(
        "rank-counts-rows",
        "arithmetic.ranks",
        "the rank is the number of rows that are not zero",
        old="return int(fmpq_mat(rows, columns, matrix.ravel().tolist()).rank())",
        new="return int((matrix != 0).any(axis=1).sum())",
        asked=(
            "properties/ranks/test_gradient_rank.py::gradient-rank",
            "tests/arithmetic/test_ranks.py::test_rank_equals_sympy",
        ),
    ),
    Fault(
        "tangent-without-activation",
        "arithmetic.forward_mode",
        "forward mode ignores the derivative of the activation",
        old="tangents[vertex] = activate(tangent,",
        new="tangents[vertex] = (lambda tangent, *_: tangent)(tangent,",
        asked=(
            "properties/sgd/test_batch_gradient.py::batch-gradient-update-trained",
            "tests/arithmetic/test_quotients.py::test_proved_quotients_equal_forward_mode",
        ),
    ),
    Fault(
        "left-is-right",
        "arithmetic.quotients",
        "left difference quotients are right ones",
        old="left = (here - there[len(move) :]) / step",
        new="left = right",
        asked=("tests/arithmetic/test_quotients.py::test_a_kink_has_two_derivatives",),
    ),
    Fault(
        "kinks-between",
        "arithmetic.quotients",
        "a step across a kink counts as affine",
        old="((here > 0) & (there < 0)) | ((here < 0) & (there > 0))",
        new="(here > 0) & (there < 0)",
        asked=(
            "tests/arithmetic/test_quotients.py::test_a_kink_within_the_first_step_is_stepped_over_by_none",
        ),
    ),
    Fault(
        "no-kinks",
        "arithmetic.evaluation",
        "no pre-activation is ever at a kink",
        old="not ((array > 0) | (array < 0)).all()",
        new="not (array == array).all()",
        asked=(
            "properties/homogeneity/test_structural_lemma.py::structural-lemma",
            "tests/arithmetic/test_quotients.py::test_a_kink_has_two_derivatives",
        ),
    ),
    Fault(
        "exact-decay",
        "arithmetic.forward_mode",
        "the exact batch gradient has half the weight decay",
        old="+ 2 * weight_decay * parameters[index]",
        new="+ weight_decay * parameters[index]",
        asked=(
            "properties/sgd/test_batch_gradient.py::batch-gradient-update-trained",
            "tests/arithmetic/test_forward_mode.py::test_batch_gradient_by_hand",
        ),
    ),
    Fault(
        "one-sided-balls",
        "arithmetic.evaluation",
        "a ball around a kink keeps the positive side only",
        old="np.frompyfunc(lambda x, y: x.union(y), 2, 1)",
        new="np.frompyfunc(lambda x, y: x, 2, 1)",
        asked=(
            "tests/arithmetic/test_forward_mode.py::test_a_ball_around_a_kink_keeps_both_sides",
        ),
    ),
    Fault(
        "wide-pivots",
        "arithmetic.ranks",
        "a ball that contains zero serves as pivot",
        old="if not magnitudes[best] > 0:",
        new="if not magnitudes[best] >= 0:",
        asked=(
            "properties/ranks/test_batch_norm_gradient_rank.py::batch-norm-gradient-rank-full",
            "tests/arithmetic/test_ranks.py::test_wide_balls_prove_nothing",
        ),
    ),
    Fault(
        "slopes-need-no-bits",
        "arithmetic.dyadic",
        "slopes of leaky ReLUs are not counted in bits",
        old=" + sum(map(dyadic_exponent, slopes))",
        new="",
        asked=("tests/arithmetic/test_dyadic.py::test_bits_by_hand",),
    ),
    Fault(
        "sums-need-no-bits",
        "arithmetic.dyadic",
        "the growth of sums is not counted in bits",
        old="outputs = forward(positive.network, positive.parameters, positive.inputs)",
        new="outputs = torch.ones(case.members, 1, 1)",
        asked=(
            "tests/arithmetic/test_dyadic.py::test_a_sum_grows_with_its_terms",
            "tests/arithmetic/test_dyadic.py::test_a_network_beyond_53_bits_that_rounds",
        ),
    ),
    Fault(
        "no-rounding-above",
        "arithmetic.enclosures",
        "upper bounds do not cover rounding",
        old=(
            "factor = math.nextafter(1.0 + gamma(roundings), math.inf)\n"
            "    return np.asarray(np.nextafter(computed * factor, math.inf))"
        ),
        new="return np.asarray(computed)",
        asked=(
            "tests/arithmetic/test_singular_values.py::test_frobenius_norms_of_thousands_of_matrices",
        ),
    ),
    Fault(
        "no-residual",
        "arithmetic.singular_values",
        "the residual of a decomposition is taken as zero",
        old="error = _euclidean(_residual(matrix, left, values, right)).high if",
        new="error = 0.0 if",
        asked=(
            "tests/arithmetic/test_singular_values.py::test_without_the_residual_an_enclosure_misses_the_truth",
        ),
    ),
    Fault(
        "no-radius",
        "arithmetic.enclosures",
        "the radius of a ball of matrices is ignored",
        old=("    if spread == 0:\n        return low, high"),
        new=("    if spread >= 0:\n        return low, high"),
        asked=(
            "tests/arithmetic/test_singular_values.py::test_the_radius_is_reached_and_not_exceeded",
        ),
    ),
    Fault(
        "tail-off-by-one",
        "arithmetic.singular_values",
        "the distance to rank r leaves out singular value r + 1",
        old="tail = decomposition.values[rank:]",
        new="tail = decomposition.values[min(rank + 1, decomposition.values.size - 1) :]",
        asked=(
            "properties/ranks/test_rank_bound.py::rank-bound-spectral",
            "tests/arithmetic/test_singular_values.py::test_hilbert_matrices",
        ),
    ),
]
