"""Tests of the stacked engine."""
