"""The command: talks the AWS API only, so it works in both places."""
