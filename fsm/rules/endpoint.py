"""What Go's `url.Parse` makes of an S3 endpoint: nothing, or a scheme and a host. Pure text; nothing is connected to.

Only scheme and host matter to the operator, so only what can make Go refuse a URL is read beside them. Brackets are
judged as Go 1.26 does; before 1.25.2 it let through some that enclose no IPv6 address.
"""

from __future__ import annotations

import re
import string
from ipaddress import IPv6Address
from typing import NamedTuple


class Endpoint(NamedTuple):
    """The two parts that must not be empty."""

    scheme: str
    host: str


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_HOST_CHARS = frozenset(string.ascii_letters + string.digits + "-_.~!$&'()*+,;=:[]<>\"%")
_ZONE_CHARS = _HOST_CHARS | {" "}
_USER_CHARS = frozenset(string.ascii_letters + string.digits + "-._:~!$&'()*+,;=%@")


def endpoint_of(text: str) -> Endpoint | None:
    """Scheme and host of a URL, None where Go cannot parse it: `10.0.0.1:9000` is no URL, `minio:9000` has no host."""
    text, _, fragment = text.partition("#")
    if _CONTROL.search(text) or not _well_escaped(fragment) or text.startswith(":"):
        return None
    match = _SCHEME.match(text)
    scheme = match.group(1).lower() if match else ""
    rest = (text[match.end() :] if match else text).partition("?")[0]
    return _with_rest(scheme, rest)


def _with_rest(scheme: str, rest: str) -> Endpoint | None:
    if not rest.startswith("/"):
        if scheme:
            return Endpoint(scheme, "")  # an opaque URL
        return None if ":" in rest.partition("/")[0] else _with_path("", "", rest)
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        host = _host_of(authority)
        return None if host is None else _with_path(scheme, host, slash + path)
    return _with_path(scheme, "", rest)


def _with_path(scheme: str, host: str, path: str) -> Endpoint | None:
    return Endpoint(scheme, host) if _well_escaped(path) else None


def _host_of(authority: str) -> str | None:
    user, at, host = authority.rpartition("@")
    if at and not (_USER_CHARS.issuperset(user) and _well_escaped(user)):
        return None
    if "[" in host:
        return host if _bracketed_ok(host) else None
    colon = host.rfind(":")
    return host if (colon < 0 or _port_ok(host[colon:])) and _host_ok(host) else None


def _bracketed_ok(host: str) -> bool:
    """An IPv6 address in brackets, perhaps with a zone, and perhaps a port after them."""
    inside, bracket, port = host[1:].rpartition("]")
    address, percent, zone = inside.partition("%25")
    if not (host.startswith("[") and bracket and _port_ok(port) and _is_ipv6(address)):
        return False
    return not percent or (bool(zone) and _zone_ok(zone))


def _zone_ok(zone: str) -> bool:
    """In a zone every legal character may be escaped, and the space."""
    return _legal(zone) and all(found and chr(int(found, 16)) in _ZONE_CHARS for found in _ESCAPE.findall(zone))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def _port_ok(text: str) -> bool:
    return re.fullmatch(r"(:[0-9]*)?", text) is not None


def _host_ok(host: str) -> bool:
    """Legal characters; an escape in a host may only stand for a byte beyond ASCII, or for the percent sign."""
    return _legal(host) and all(found and (found == "25" or int(found[0], 16) >= 8) for found in _ESCAPE.findall(host))


def _legal(host: str) -> bool:
    return all(char in _HOST_CHARS or char >= "\x80" for char in host)


def _well_escaped(text: str) -> bool:
    return all(_ESCAPE.findall(text))
