"""Writes the lock file, `python -m tests.lock > requirements.lock`: what a service installs, as it was tested here."""

from __future__ import annotations

import re
from importlib.metadata import distribution

from pip._vendor.packaging.requirements import Requirement

HEAD = "# What `pip install -c requirements.lock '.[EXTRA,…]'` installs, whichever extras: the versions of the tests.\n"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def extras() -> tuple[str, ...]:
    """All extras of reporter that a service may have."""
    return tuple(name for name in distribution("reporter").metadata.get_all("Provides-Extra") or () if name != "dev")


def run_time() -> list[Requirement]:
    """What reporter itself asks for, with each of these extras, on any machine."""
    found = [Requirement(text) for text in distribution("reporter").requires or ()]
    return [each for each in found if 'extra == "dev"' not in str(each.marker)]


def needed(name: str, extras: tuple[str, ...] = ()) -> dict[str, str]:
    """The versions of all that a package needs on this machine, by name."""
    found: dict[str, str] = {}
    waiting = [(name, extras)]
    while waiting:
        package, wanted = waiting.pop()
        for text in distribution(package).requires or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in (*wanted, "")):
                continue
            if (other := canonical(requirement.name)) not in found or requirement.extras:
                found[other] = distribution(other).version
                waiting.append((other, tuple(requirement.extras)))
    return found


def lock() -> str:
    return HEAD + "".join(f"{name}=={version}\n" for name, version in sorted(needed("reporter", extras()).items()))


if __name__ == "__main__":
    print(lock(), end="")
