"""theorycheck: an automatic referee for theory papers on deep networks.

Importing the package loads nothing else; import what you need from its modules, which data flows
through in this order: `networks` and `datasets`, `cases`, `strategies`, `training`, `measures`,
`evidence`, `claims`, `search`, `verdicts`, `report`, `merging`, `plugin`.
"""

__version__ = "0.1.0"
