"""Small changes of single modules, everywhere in them, and which of them their own tests notice.

The faults of ``tests/faults/`` are chosen by hand; these are not chosen at all: every operator,
comparison, number, condition, keyword and term of a module is changed, one at a time, and the tests
of that module run in a process of its own. Who survives is either equivalent to the original, or
shows what no test looks at.
"""
