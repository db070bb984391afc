"""The trusted kernel: against independent oracles, and against those who would deceive it."""
