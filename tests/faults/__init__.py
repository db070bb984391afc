"""Deliberate faults of the engine, by package."""
