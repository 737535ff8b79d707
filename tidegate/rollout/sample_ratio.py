"""Whether the traffic is split as it was told to be: a fault of the split speaks for or against no model.

Pure. The e-value of a Dirichlet-multinomial mixture around the stated share (Lindon and Malek, "Anytime-valid
inference for multinomial count data", 2022); it exceeds 1/a with probability at most a when requests are
split independently, however often it is looked at.
"""

import math

PRIOR = 100.0  # weight of the stated share, in requests: the larger, the smaller the mismatch that is sought
_LARGEST_LOG = 700.0  # of a float


def e_value(candidate: int, champion: int, weight: float) -> float:
    """Evidence that the candidate does not get `weight` of the requests; 1 where nothing is split."""
    if not 0 < weight < 1:
        return 1.0
    total = candidate + champion
    log = math.lgamma(PRIOR) - math.lgamma(PRIOR + total)
    for count, share in ((candidate, weight), (champion, 1 - weight)):
        log += math.lgamma(PRIOR * share + count) - math.lgamma(PRIOR * share) - count * math.log(share)
    return math.exp(min(log, _LARGEST_LOG))
