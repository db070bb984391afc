"""Claims on networks as graphs of layers, and on expansions along their paths."""
