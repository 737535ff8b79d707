"""Where moto finds the handler of Application Auto Scaling's requests: its own."""

from moto.applicationautoscaling.urls import url_bases, url_paths

__all__ = ["url_bases", "url_paths"]
