"""The page of a monitoring window: one HTML document, made of what the window's states have written.

Pure: documents and profiles in, text out. A document that is not there is said to be missing.
"""

from tidegate.monitoring.page.documents import Alarm, AlarmChange, Documents, Earlier, Window
from tidegate.monitoring.page.page import page as render

__all__ = ["Alarm", "AlarmChange", "Documents", "Earlier", "Window", "render"]
