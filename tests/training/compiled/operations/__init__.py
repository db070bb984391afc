"""Tests of the operations of the compiled engine."""
