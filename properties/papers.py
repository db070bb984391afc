"""The papers whose claims are checked."""

import theorycheck as tc

BANBURSKI2019 = tc.Paper(
    "banburski2019",
    "Theory III: Dynamics and Generalization in Deep Networks",
    "A. Banburski, Q. Liao, B. Miranda, T. Poggio, L. Rosasco, B. Liang, J. Hidary",
    2019,
)
POGGIO2020 = tc.Paper(
    "poggio2020",
    "Generalization in deep network classifiers trained with the square loss",
    "T. Poggio, Q. Liao",
    2020,
)
POGGIO2021 = tc.Paper(
    "poggio2021",
    "Explicit regularization and implicit bias in deep network classifiers trained with the"
    " square loss",
    "T. Poggio, Q. Liao",
    2021,
)
GALANTI2022 = tc.Paper(
    "galanti2022",
    "SGD Noise and Implicit Low-Rank Bias in Deep Neural Networks",
    "T. Galanti, T. Poggio",
    2022,
)
XU2022 = tc.Paper(
    "xu2022",
    "Dynamics in Deep Classifiers trained with the Square Loss: normalization, low rank, neural"
    " collapse and generalization bounds",
    "M. Xu, A. Rangamani, Q. Liao, T. Galanti, T. Poggio",
    2022,
)
