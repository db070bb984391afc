"""Selenium's commands in Marionette, the protocol that Firefox itself speaks.

Selenium speaks WebDriver to a program beside the browser, geckodriver for Firefox, which no
distribution builds; that program does little more than what is done here.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.command import Command
from selenium.webdriver.remote.remote_connection import RemoteConnection

NAMES = {
    Command.NEW_SESSION: "WebDriver:NewSession",
    Command.QUIT: "Marionette:Quit",
    Command.SET_TIMEOUTS: "WebDriver:SetTimeouts",
    Command.GET: "WebDriver:Navigate",
    Command.GO_BACK: "WebDriver:Back",
    Command.REFRESH: "WebDriver:Refresh",
    Command.GET_CURRENT_URL: "WebDriver:GetCurrentURL",
    Command.FIND_ELEMENTS: "WebDriver:FindElements",
    Command.FIND_CHILD_ELEMENT: "WebDriver:FindElement",
    Command.FIND_CHILD_ELEMENTS: "WebDriver:FindElements",
    Command.CLICK_ELEMENT: "WebDriver:ElementClick",
    Command.SEND_KEYS_TO_ELEMENT: "WebDriver:ElementSendKeys",
    Command.GET_ELEMENT_TEXT: "WebDriver:GetElementText",
    Command.GET_ELEMENT_RECT: "WebDriver:GetElementRect",
    Command.GET_ELEMENT_VALUE_OF_CSS_PROPERTY: "WebDriver:GetElementCSSValue",
    Command.W3C_ACTIONS: "WebDriver:PerformActions",
    Command.W3C_EXECUTE_SCRIPT: "WebDriver:ExecuteScript",
    Command.W3C_EXECUTE_SCRIPT_ASYNC: "WebDriver:ExecuteAsyncScript",
    Command.SWITCH_TO_CONTEXT: "Marionette:SetContext",
    Command.SCREENSHOT: "WebDriver:TakeScreenshot",
    Command.PRINT_PAGE: "WebDriver:Print",
}
"""The commands that tests of the page use."""


class Marionette(RemoteConnection):
    """A connection to a Firefox that was started with ``--marionette``.

    Args:
        port: the one that this Firefox listens to.
    """

    def __init__(self, port: int) -> None:
        super().__init__(client_config=ClientConfig(f"tcp://127.0.0.1:{port}"))
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._stream = self._socket.makefile("rb")
        self._received()  # It introduces itself.

    def execute(self, command: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Do a command of Selenium's, and answer as a driver would."""
        sent = dict(params)
        if command == Command.NEW_SESSION:
            sent = {}
        elif command in (Command.FIND_CHILD_ELEMENT, Command.FIND_CHILD_ELEMENTS):
            sent["element"] = sent.pop("id")
        elif command == Command.QUIT:
            sent = {"flags": ["eForceQuit"]}
        elif command == Command.SCREENSHOT:
            sent = {"full": False}
        message = json.dumps([0, 0, NAMES[command], sent]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._received()
        if error:
            return {"status": 500, "value": json.dumps({"value": error})}
        alone = isinstance(result, dict) and result.keys() == {"value"}
        return {"value": result["value"] if alone else result}

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def _received(self) -> Any:
        """One message: its length in bytes, a colon, and JSON."""
        length = b""
        while (byte := self._stream.read(1)) != b":":
            if not byte:
                raise ConnectionError("Firefox has ended")
            length += byte
        return json.loads(self._stream.read(int(length)))
