"""A headless Chromium spoken to over a pipe in the DevTools protocol: no port, no driver, no package."""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 30


class Page:
    """One tab; `events` are all that the browser told since it was opened."""

    def __init__(self, browser, session):
        self.browser = browser
        self.session = session

    def send(self, method, **params):
        return self.browser.send(method, params, self.session)

    def open(self, url):
        self.send("Page.enable")
        self.send("Network.enable")
        self.send("Runtime.enable")
        self.send("Log.enable")
        self.send("Page.navigate", url=url)
        self.browser.wait_for("Page.loadEventFired", self.session)

    def size(self, width, height, *, phone=False):
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    def scheme(self, name):
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def evaluate(self, expression):
        """The value of a JavaScript expression; an exception in it fails the test."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def colours(self, selector):
        """(ink, ground) of each element, as CSS writes them."""
        return self.evaluate(
            f"[...document.querySelectorAll({selector!r})].map(e => {{"
            "const ground = n => getComputedStyle(n).backgroundColor; let back = e;"
            "while (ground(back) === 'rgba(0, 0, 0, 0)') back = back.parentNode;"
            "const style = getComputedStyle(e);"
            "return [e instanceof SVGElement ? style.fill : style.color, ground(back)]})"
        )

    def press(self, key, character):
        code = ord(character)
        self.send(
            "Input.dispatchKeyEvent",
            type="keyDown",
            key=key,
            code=key,
            text=character,
            windowsVirtualKeyCode=code,
        )
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def told(self, method):
        return [e["params"] for e in self.browser.events if e["method"] == method]

    def screenshot(self, file, *, whole=True):
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        Path(file).write_bytes(base64.b64decode(shot["data"]))


class Browser:
    """The process and its two pipes."""

    def __init__(self, profile):
        (reads, self.writer), (self.reader, writes) = os.pipe(), os.pipe()
        # Copies above 9 leave 3 and 4, where Chromium looks, free to be written over in the child.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (reads, writes)]
        argv = [
            BROWSER,
            "--headless=new",
            "--no-sandbox",  # needs rights that a container lacks; the pages are our own
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        self.process = subprocess.Popen(
            argv,
            pass_fds=(3, 4),
            preexec_fn=lambda: (os.dup2(theirs[0], 3), os.dup2(theirs[1], 4)),  # noqa: PLW1509
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for fd in (reads, writes, *theirs):
            os.close(fd)
        self.ids = itertools.count(1)
        self.events = []
        self.rest = b""

    def send(self, method, params=None, session=None):
        number = next(self.ids)
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def read(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.reader], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser said nothing for too long"
            chunk = os.read(self.reader, 1 << 20)
            assert chunk, "the browser ended"
            self.rest += chunk
        line, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(line)
        if "method" in message:
            self.events.append(message)
        return message

    def wait_for(self, method, session):
        while not any(e["method"] == method and e.get("sessionId") == session for e in self.events):
            self.read()

    def new_page(self):
        self.events.clear()
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        return Page(self, attached["sessionId"])

    def close(self):
        with contextlib.suppress(OSError, AssertionError):
            self.send("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.writer)
        os.close(self.reader)


@contextlib.contextmanager
def running(profile) -> Iterator[Browser]:
    browser = Browser(profile)
    try:
        yield browser
    finally:
        browser.close()


def contrast(ink, ground):
    """WCAG's ratio of two colours `rgb(r, g, b)`, from 1 to 21."""
    one, other = luminance(ink), luminance(ground)
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def luminance(colour):
    """Relative luminance of `rgb(r, g, b)`, as WCAG defines it."""
    shares = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
