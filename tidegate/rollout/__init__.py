"""Rollouts: what counts of a candidate's traffic, and whether it may have more.

evidence        that bad events fall on the candidate more often than they should
guardrails      the kinds of bad events, and how the chance of a false alarm is shared among them
sample_ratio    whether the traffic is split as it was told to be
sequences       bounds on a difference of means that hold at all times
outcomes        the loss of an answer once its outcome is known
judge           advance, wait, hold or roll back
mirror          the champion's requests, asked of the candidate again
history         a rollout as its machine tells it
restoration     what is left to undo when its machine is dead
needed          how much more it takes until a step is decided
"""

VARIANTS = ("variant-a", "variant-b")  # the champion lives in one, the candidate comes into the other
