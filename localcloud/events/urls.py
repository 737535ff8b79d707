"""Where moto finds the handler of EventBridge's requests."""

from localcloud.events.responses import LocalEventsHandler

url_bases = [r"https?://events\.(.+)\.amazonaws\.com"]

url_paths = {"{0}/": LocalEventsHandler.dispatch}
