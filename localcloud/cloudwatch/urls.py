"""Where moto's server finds CloudWatch: moto's own addresses, our responses."""

from moto.cloudwatch.urls import url_bases

from localcloud.cloudwatch.responses import LocalCloudWatchResponse

url_paths = {"{0}/$": LocalCloudWatchResponse.dispatch}

__all__ = ["url_bases", "url_paths"]
