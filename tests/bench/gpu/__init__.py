"""Tests of the checks that need a GPU, with stand-ins for it."""
