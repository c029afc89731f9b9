"""Addresses of badges that nobody can guess: a digest of what a badge shows, by a key of the store."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode

from reporter.store.database import Store
from reporter.store.web_keys import lasting


def key_of(store: Store) -> bytes:
    """The key that all addresses hang on, made when it is asked for first."""
    with store.begin() as connection:
        return bytes.fromhex(lasting(connection, "key of badges"))


def address_of(key: bytes, kind: str, subject: str) -> str:
    """The last part of the address of one badge, 130 bits: `status` of `probe/db`, or of nothing, which is of all."""
    digest = hmac.digest(key, f"{kind} {subject}".encode("utf-8", "replace"), hashlib.sha256)
    return b32encode(digest).decode().lower()[:26]
