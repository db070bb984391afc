"""Tests of the measures of trained networks."""
