"""Group windows: when people are notified of an alert that opens soon after others like it.

The first opening is sent at once. What opens after it waits until the window ends, and is sent together. While alerts
go on opening, the next window is longer: one minute, two, then four. A window in which nothing opens ends the cascade.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from reporter.alerts.incident import Incident
from reporter.alerts.model import Level

# What is wrong with the reporter itself never waits.
OURS = frozenset({"channel", "clock", "job", "self", "store"})
FIRST, LONGEST = timedelta(minutes=1), timedelta(minutes=4)


def released_at(opened_at: datetime, alike: Iterable[datetime]) -> datetime:
    """When people are notified of an alert, given when the alerts like it were opened."""
    return _window(opened_at, alike)[1]


def began_at(opened_at: datetime, alike: Iterable[datetime]) -> datetime:
    """When the cascade began that an alert is part of, given when the alerts like it were opened."""
    return _window(opened_at, alike)[0]


def _window(opened_at: datetime, alike: Iterable[datetime]) -> tuple[datetime, datetime]:
    """When the first alert of a cascade opened, and when people are notified of this one."""
    before = sorted(at for at in alike if at <= opened_at)
    first = start = before[0] if before else opened_at
    length, joined = FIRST, False
    for at in (*before[1:], opened_at):
        while at >= start + length:
            if not joined:  # nothing opened for a whole window: this is the first of another cascade
                first = start = at
                length = FIRST
                break
            start, length, joined = start + length, min(2 * length, LONGEST), False
        joined = joined or at > first
    return first, opened_at if opened_at == first else start + length


def is_alike(one: Incident, other: Incident) -> bool:
    """Whether two incidents can be parts of one cascade: of one kind, critical or not, and not about the reporter."""
    kind, same = one.subject.partition("/")[0], other.subject.partition("/")[0]
    return kind == same and kind not in OURS and (one.level is Level.CRITICAL) == (other.level is Level.CRITICAL)


def sent_alone(incident: Incident, others: Iterable[Incident]) -> list[Incident]:
    """What the same cascade has brought so far without a group, the oldest first."""
    alike = [other for other in others if is_alike(other, incident) and not other.is_over]
    began = began_at(incident.opened_at, (one.opened_at for one in alike))
    found = [one for one in alike if one.group is None and began <= one.opened_at < incident.opened_at]
    return sorted(found, key=lambda one: one.opened_at)


def growing_group(incident: Incident, others: Iterable[Incident]) -> str | None:
    """The group that an alert joins: that of the last one like it, unless that opened long before."""
    found = [
        other
        for other in others
        if other.group
        and not other.is_over
        and is_alike(other, incident)
        and timedelta() <= incident.opened_at - other.opened_at <= 2 * LONGEST
    ]
    return max(found, key=lambda one: one.opened_at).group if found else None
