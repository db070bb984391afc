"""The suite's own tests: the engine against independent oracles, and against its faults."""
