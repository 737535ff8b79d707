"""Physical names as CloudFormation makes them: stack, logical id and a suffix, cut to the service's limit.

Where CloudFormation's suffix is random, this one is a hash of the same three things it stands for, so that
two deployments of one template have the same names.
"""

import base64
import hashlib

_SUFFIX = 12


def physical_name(
    stack: str, logical_id: str, generation: int, *, limit: int, lower: bool = False, ending: str = ""
) -> str:
    """`generation` counts the replacements of the resource; `ending` is kept whole (.fifo)."""
    digest = hashlib.sha256(f"{stack}/{logical_id}/{generation}".encode()).digest()
    suffix = base64.b32encode(digest).decode()[:_SUFFIX]
    room = limit - _SUFFIX - len("--") - len(ending)
    # the longer of the two gives way first, so that both stay recognisable
    stack_room = max(room // 2, room - len(logical_id))
    shown = stack[:stack_room].rstrip("-")
    name = f"{shown}-{logical_id[: room - len(shown)]}-{suffix}"
    return (name.lower() if lower else name) + ending
