"""Where moto sends requests for Step Functions; moto finds this module by its name beside `models`."""

from localcloud.stepfunctions.responses import LocalStepFunctionsResponse

url_bases = [r"https?://states\.(.+)\.amazonaws.com", r"https?://sync-states\.(.+)\.amazonaws.com"]
url_paths = {"{0}/$": LocalStepFunctionsResponse.dispatch}
