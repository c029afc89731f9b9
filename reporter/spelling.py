"""What a slip of the pen probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """The known word that is most like a wrong one, in any case of letters; None when none is near."""
    from difflib import get_close_matches

    folded = {word.casefold(): word for word in reversed(list(known))}
    near = get_close_matches(wrong.casefold(), list(folded), n=1)
    return folded[near[0]] if near else None
