"""Tests of exact, enclosed and error-bounded arithmetic."""
