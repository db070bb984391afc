"""Cohort training side by side with the other ways to train many small networks from Python.

``python -m theorycheck.bench`` is a program beside the engine, which never imports it. Data flows
through `workloads`, `competitors` (`jax_programs` among them), `measure`, `sweeps`, `recording`,
`table`, `record`, `plot`.
"""
