"""Tests of the page ``claims.html``."""
