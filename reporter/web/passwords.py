"""Passwords as hashes: scrypt of OpenSSL, which needs 32 MB and tens of milliseconds for each guess."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

N, R, P = 2**15, 8, 3
"""32 MB a guess, one of the costs that OWASP names for scrypt (Password Storage Cheat Sheet)."""
LONGEST = 200  # characters


def hashed(password: str) -> str:
    """A hash to be written into the config; the same password has another one each time."""
    salt = secrets.token_bytes(16)
    return f"scrypt${N}${R}${P}${_text(salt)}${_text(_scrypt(password, salt, N, R, P))}"


def of_nobody() -> str:
    """A hash that no password has. To find that out takes as long as with any other."""
    return f"scrypt${N}${R}${P}${_text(secrets.token_bytes(16))}${_text(secrets.token_bytes(32))}"


def is_password(given: str, kept: str) -> bool:
    """Whether a password is the one that a hash was made of; a hash that cannot be read fits none."""
    try:
        kind, n, r, p, salt, digest = kept.split("$")
        costs = int(n), int(r), int(p)
        if kind != "scrypt" or costs[0] * costs[1] * costs[2] > 2**21 or len(given) > LONGEST:
            return False
        return hmac.compare_digest(_scrypt(given, base64.b64decode(salt), *costs), base64.b64decode(digest))
    except ValueError:
        return False


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
