"""Tests of the language for vector code."""
