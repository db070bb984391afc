"""Hypothesis profile of the suite's own tests: reproducible, and blind to the machine's speed."""

from hypothesis import settings

settings.register_profile("theorycheck", derandomize=True, deadline=None, database=None)
settings.load_profile("theorycheck")
