"""Where moto's server finds CloudFormation."""

from localcloud.cloudformation.responses import CloudFormationResponse

url_bases = [r"https?://cloudformation\.(.+)\.amazonaws\.com"]
url_paths = {"{0}/$": CloudFormationResponse.dispatch}
