# SPDX-License-Identifier: Apache-2.0
"""Overload told to those who asked for it (RFC 7339): how many calls of a hundred to send elsewhere.

A client that can slow down writes a bare `oc` into its Via; the server answers in the same Via with a figure.
Unlike a 503 with Retry-After, which stops a whole trunk for seconds, it takes away just what is too much.
"""

NAMES = frozenset(("oc", "oc-algo", "oc-validity", "oc-seq"))
VALIDITY_MS = 500
"How long a client keeps to the figure (RFC 7339 4.3: the default). Each response brings a new one."


def asks(via: str) -> bool:
    """Tell whether the sender of this Via takes a figure (RFC 7339 4.1)."""
    folded = via.lower()
    return "oc" in folded and "oc" in map(_name, folded.split(";"))


def figure(loss_percent: int, now: float) -> str:
    """Return the Via parameters that ask for so many calls fewer; 0 asks for none.

    `now` is their order (RFC 7339 4.4): a client takes no figure older than the one it has.
    """
    return f';oc={loss_percent};oc-algo="loss";oc-validity={VALIDITY_MS};oc-seq={max(0.0, now):.5f}'


def stamped(via: str, parameters: str) -> str:
    """Return a Via of a response with these parameters in place of those that were asked with."""
    kept = [part for part in via.split(";") if _name(part.lower()) not in NAMES]
    return ";".join(kept).rstrip() + parameters


def _name(part: str) -> str:
    return part.partition("=")[0].strip()
