"""Tests of the trainers and of both engines."""
