"""What an update is made of, as vector code: one small operation each.

Importing the package fills the table `base.OPERATIONS`.
"""

from theorycheck.training.compiled.operations import (
    convolution,
    exchange,
    layers,
    losses,
    products,
    stages,
    steps,
)
