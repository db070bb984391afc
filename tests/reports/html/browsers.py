"""Two browsers as distributions build them, and what tests set in them.

Selenium drives both, because it speaks the standard protocol of browsers and downloads no browser
of its own.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.reports.html.marionette import Marionette

WIDEST, HEIGHT = 2600, 900
"""The window of Firefox, in which the page takes the width that a test sets."""

STARTS_WITHIN = 60
"""Seconds, generous for a machine that is busy with other tests."""

PREFERENCES = {
    "marionette.port": 0,  # any free one
    "dom.events.testing.asyncClipboard": True,  # Reading what was copied asks nobody.
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
}


class Chromium(webdriver.Chrome):
    """Chromium, through the driver that comes with it.

    Args:
        folder: not used; its driver makes one itself.
    """

    program = shutil.which("chromedriver")

    def __init__(self, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        super().__init__(options=options, service=Service(self.program))
        allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
        self.execute_cdp_cmd("Browser.grantPermissions", allowed)

    def resize(self, width: int) -> None:
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, scheme: str) -> None:
        """Let the reader prefer ``light`` or ``dark``."""
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def allow_scripts(self, allowed: bool) -> None:
        self.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not allowed})

    def complaints(self) -> list[str]:
        """What the console said of the page since one asked last."""
        entries = self.execute("getLog", {"type": "browser"})["value"]
        return [entry["message"] for entry in entries]


class Firefox(webdriver.Remote):
    """Firefox, without a program between it and Selenium.

    Args:
        folder: an empty one, where it keeps what it needs.
    """

    program = shutil.which("firefox-esr") or shutil.which("firefox")

    def __init__(self, folder: Path) -> None:
        lines = [f"user_pref({json.dumps(n)}, {json.dumps(v)});" for n, v in PREFERENCES.items()]
        (folder / "user.js").write_text("\n".join(lines), encoding="utf-8")
        self.process = subprocess.Popen(
            [
                str(self.program), "--headless", "--marionette", "--remote-allow-system-access",
                "--no-remote", "--profile", str(folder),
                f"--width={WIDEST}", f"--height={HEIGHT + 200}",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = self._port(folder / "MarionetteActivePort")
            super().__init__(Marionette(port), options=webdriver.FirefoxOptions())
        except BaseException:
            self.process.kill()
            raise

    def _port(self, written: Path) -> int:
        """The one that Firefox chose, once it listens."""
        latest = time.monotonic() + STARTS_WITHIN
        while not (written.exists() and written.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > latest:
                raise TimeoutError("Firefox did not start")
            time.sleep(0.05)
        return int(written.read_text())

    def quit(self) -> None:
        super().quit()
        self.process.wait(STARTS_WITHIN)

    def ask(self, script: str, *arguments: Any) -> Any:
        """Run a script in the browser itself, which may do what no page may."""
        self.execute("switchToContext", {"value": "chrome"})
        try:
            return self.execute_script(script, *arguments)
        finally:
            self.execute("switchToContext", {"value": "content"})

    def resize(self, width: int) -> None:
        script = """
            const { style } = gBrowser.selectedBrowser;
            style.minWidth = style.maxWidth = arguments[0] + "px";
            style.minHeight = style.maxHeight = arguments[1] + "px";
        """
        self.ask(script, width, HEIGHT)
        told = """
            const [width, done] = arguments;
            const look = () => innerWidth === width ? done() : setTimeout(look, 10);
            look();
        """
        self.execute_async_script(told, width)  # The page learns of it a little later.

    def prefer(self, scheme: str) -> None:
        name = "layout.css.prefers-color-scheme.content-override"
        self.ask("Services.prefs.setIntPref(...arguments)", name, ["dark", "light"].index(scheme))

    def allow_scripts(self, allowed: bool) -> None:
        self.ask("Services.prefs.setBoolPref(...arguments)", "javascript.enabled", allowed)

    def complaints(self) -> list[str]:
        script = """
            const found = Services.console.getMessageArray();
            Services.console.reset();
            const errors = found.filter((one) => one instanceof Ci.nsIScriptError);
            return errors.filter((one) => one.sourceName.startsWith("file:")).map(String);
        """
        found: list[str] = self.ask(script)
        return found
