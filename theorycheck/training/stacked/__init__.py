"""The stacked engine: every update of a cohort is a few operations on tensors of torch."""
