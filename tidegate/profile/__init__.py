"""The one mergeable profile: of a shard, a drop, a model's training rows or a window of captured traffic."""

from tidegate.profile.column import ColumnProfile
from tidegate.profile.ranks import BASELINE_RANKS, DROP_RANKS
from tidegate.profile.table import Profile, ProfileBuilder, merge, profile_batches

__all__ = [
    "BASELINE_RANKS",
    "DROP_RANKS",
    "ColumnProfile",
    "Profile",
    "ProfileBuilder",
    "merge",
    "profile_batches",
]
