"""Tests of what is drawn for claims."""
