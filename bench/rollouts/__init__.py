"""Rollouts of bad candidates by the real machine, on a local cloud whose clock jumps while the machine waits.

model     a server that turns bad as a file says, and its signed artefact
place     one local cloud with the deployed example
endpoint  asked without boto3
users     who ask all the time, and what they were answered
faults    one fault from one step
events    what else may happen to a rollout
updates   an endpoint that changes under load
kills     a variant whose processes are killed under load
"""
