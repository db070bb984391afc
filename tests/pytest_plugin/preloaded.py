"""What a server of processes does before it forks, so that none of them has to do it again.

It loads pytest with its plugins, and this package; it draws an example, for which Hypothesis reads
the constants of all modules; it makes a page, for which Jinja compiles templates.
"""

import gc
import os
from contextlib import redirect_stdout
from importlib import import_module
from tempfile import TemporaryDirectory

import pytest


class Loading:
    """A plugin of pytest, which changes the assertions of some modules while they are loaded.

    Of those that came before it, it warns.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        from hypothesis import find, settings
        from hypothesis import strategies as st

        from tests.reports.entries import report
        from theorycheck.reports.html.page import render_html

        for module in ("claims.examination", "pytest_plugin.processes", "reports.terminal"):
            import_module(f"theorycheck.{module}")
        find(st.integers(), bool, settings=settings(database=None))
        render_html(report())


with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), TemporaryDirectory() as empty:
    pytest.main([empty, "--collect-only", f"--rootdir={empty}", "-c", os.devnull], [Loading()])
# A run ends by collecting garbage, several times.
gc.collect()
gc.freeze()
