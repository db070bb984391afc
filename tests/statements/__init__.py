"""Tests of statements: syntax, vocabulary, readers."""
