"""AWS on this machine: reads cdk.out, speaks the AWS API, knows nothing of any product."""
