"""Formats of text that ODCS names, as patterns for RE2."""

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_GROUP = "[0-9a-fA-F]{1,4}"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LAST = f"(?:{_GROUP}:{_GROUP}|{_IPV4})"  # the last two groups of an IPv6 address may be written as IPv4


def _ipv6() -> str:
    """One alternative for each place where `::` can stand, as the grammar of RFC 3986 has them."""
    ways = [f"(?:{_GROUP}:){{6}}{_LAST}"]
    for before in range(6):
        head = f"(?:(?:{_GROUP}:){{0,{before - 1}}}{_GROUP})?" if before else ""
        after = 5 - before
        ways.append(f"{head}::" + (f"(?:{_GROUP}:){{{after}}}" if after else "") + _LAST)
    ways.append(f"(?:(?:{_GROUP}:){{0,5}}{_GROUP})?::{_GROUP}")
    ways.append(f"(?:(?:{_GROUP}:){{0,6}}{_GROUP})?::")
    return "|".join(ways)


TEXT_FORMATS = {
    "uuid": "^[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$",
    "email": rf"^[^@\s]+@{_LABEL}(?:\.{_LABEL})+$",
    "hostname": rf"^{_LABEL}(?:\.{_LABEL})*$",
    "ipv4": f"^{_IPV4}$",
    "ipv6": f"^(?:{_ipv6()})$",
    "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$",
    "byte": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",  # base64
}
UNJUDGED_FORMATS = ("password", "binary")  # they say how to show a text, not what it holds
