"""The pytest plugin, which collects claims, examines them and reports."""
