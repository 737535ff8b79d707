"""Where moto finds the handler of SageMaker's requests."""

from localcloud.sagemaker.responses import LocalSageMakerResponse

url_bases = [r"https?://api\.sagemaker\.(.+)\.amazonaws.com"]

url_paths = {"{0}/$": LocalSageMakerResponse.dispatch}
