"""A browser to click in: Chromium through the HTTP interface of its chromedriver, which needs no package of Python."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how the protocol calls an element
KEYS = {"left": "\ue012", "up": "\ue013", "right": "\ue014", "down": "\ue015", "enter": "\ue007", "escape": "\ue00c"}
SWITCHES = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


def programs() -> tuple[str, str] | None:
    """Return where Chromium and its chromedriver are; None if one of them is not installed."""
    browser = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Browser:
    """One window."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _ask(self, method: str, path: str, **body: Any) -> Any:
        content = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self._address}{path}", content, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from error

    def open(self, page: Path, width: int = 1280, height: int = 1000) -> None:
        """Show a page, and wait until it says that it is ready."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._ask("POST", "/goog/cdp/execute", cmd="Emulation.setDeviceMetricsOverride", params=size)
        self._ask("POST", "/url", url=page.resolve().as_uri())
        self.wait("document.documentElement.dataset.ready")

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a function body returns; promises are awaited."""
        return self._ask("POST", "/execute/sync", script=script, args=list(arguments))

    def value(self, expression: str) -> Any:
        """Return the value of an expression."""
        return self.run(f"return ({expression})")

    def wait(self, expression: str, seconds: float = 30) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.value(expression):
            if time.monotonic() > end:
                message = f"{expression} was not true after {seconds} s"
                raise TimeoutError(message)
            time.sleep(0.02)

    def drag(self, selector: str, points: list[tuple[float, float]]) -> None:
        """Press the mouse at the first of the points in an element, go through the others, release it."""
        self._mouse(selector, points, press=True)

    def point(self, selector: str, x: float, y: float) -> None:
        """Move the mouse to a point in an element."""
        self._mouse(selector, [(x, y)], press=False)

    def _mouse(self, selector: str, points: list[tuple[float, float]], *, press: bool) -> None:
        left, top = self.run(
            "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.left, b.top]",
            selector,
        )
        moves = [{"type": "pointerMove", "duration": 0, "x": round(left + x), "y": round(top + y)} for x, y in points]
        if press:
            moves = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": moves}
        self._ask("POST", "/actions", actions=[mouse])

    def click(self, selector: str) -> None:
        """Click on an element."""
        element = self._ask("POST", "/element", using="css selector", value=selector)
        self._ask("POST", f"/element/{element[ELEMENT]}/click")

    def press(self, *keys: str) -> None:
        """Press keys, by their names."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", actions=[{"type": "key", "id": "keys", "actions": actions}])

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save a picture of the page, or of the window alone."""
        order = {"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": whole}}
        if whole:
            root = "document.documentElement"
            width, height = self.value(f"[innerWidth, {root}.scrollHeight]")
            order["params"]["clip"] = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        path.write_bytes(base64.b64decode(self._ask("POST", "/goog/cdp/execute", **order)["data"]))

    def messages(self) -> list[str]:
        """Return what was written to the console since the last call."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", type="browser")]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self._ask("POST", "/se/log", type="performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def close(self) -> None:
        """Close the window."""
        self._ask("DELETE", "")


@contextmanager
def opened(browser: str, driver: str) -> Iterator[Browser]:
    """Yield a window of a browser of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            window = Browser(f"http://127.0.0.1:{port}/session")
            options = {"binary": browser, "args": SWITCHES}
            wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
            session = _when_ready(window, wanted)
            window = Browser(f"http://127.0.0.1:{port}/session/{session}")
            try:
                yield window
            finally:
                window.close()
        finally:
            process.terminate()


def _when_ready(window: Browser, wanted: dict[str, Any]) -> str:
    """Return the name of a new session, once the driver listens."""
    for _ in range(100):
        try:
            return str(window._ask("POST", "", capabilities={"alwaysMatch": wanted})["sessionId"])
        except urllib.error.URLError:
            time.sleep(0.1)
    message = "the chromedriver does not answer"
    raise TimeoutError(message)
