"""The machine's health as pure values: limits, subjects, words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reporter.alerts.model import AlertState, Level, Observation, Phase
from reporter.jobs.kit.host_health import HostLimits, coarse, host_signs
from reporter.probes.host.facts import Disk, Host, Network
from tests.support.civil import LAW

NOW = datetime(2026, 10, 30, 14, 2, 30, tzinfo=UTC)
SILENT = Host("box-1", None, None, None, None, None, None, None, (), None)

shares = st.none() | st.integers(0, 10**15)
hosts = st.builds(
    Host,
    name=st.text(max_size=9),
    cpu_percent=st.none() | st.floats(0, 100),
    cores=st.none() | st.integers(0, 512),
    load=st.none() | st.tuples(*[st.floats(0, 10**4)] * 3),
    memory_used=shares,
    memory_total=shares,
    swap_used=shares,
    swap_total=shares,
    disks=st.lists(st.builds(Disk, st.sampled_from(["/", "/data"]), st.integers(0, 9), st.integers(0, 9)), max_size=2),
    booted_at=st.none() | st.just(NOW) | st.just(NOW - timedelta(days=9)),
    temperature=st.none() | st.floats(-50, 150),
    network=st.none() | st.just(Network(1, 2, 3, 4, 5)),
    zombies=shares,
    shared=st.booleans(),
)


@LAW
@given(hosts, st.none() | st.floats(0.001, 10**7))
def test_whatever_a_machine_tells_each_sign_has_a_subject_words_and_a_level(host: Host, hours: float | None) -> None:
    ahead = None if hours is None else timedelta(hours=hours)
    signs = list(host_signs(host, HostLimits(), {}, NOW, lambda _subject, _figure: ahead))
    assert len({sign.seen.subject for sign in signs}) == len(signs)
    for sign in signs:
        assert sign.words
        assert sign.seen.subject.startswith("probe/host-")
        assert ("@" in sign.seen.subject) is host.shared or "@" in host.name
        assert (sign.seen.level is Level.OK) is (sign.words == "normal" or "keeps running" in sign.words)


@pytest.mark.parametrize(
    ("key", "limits", "why"),
    [
        ("cpu", {"warning": 90, "critical": 80}, "`warning` lies above `critical`"),
        ("cpu", {"warning": 80, "leave_warning": 85}, "`leave_warning` lies above `warning`"),
        ("cpu", {"warning": 850, "critical": None}, "less than or equal to 100"),
        ("disk_hours", {"warning": 5, "critical": 6}, "`warning` lies below `critical`"),
        ("disk_hours", {"warning": 72, "leave_warning": 48}, "`leave_warning` lies below `warning`"),
    ],
)
def test_limits_in_the_wrong_order_are_refused_in_words(key: str, limits: dict[str, float], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        HostLimits.model_validate({key: limits})


@pytest.mark.parametrize(("hours", "level"), [(70, Level.WARNING), (74, Level.WARNING), (77, Level.OK)])
def test_a_disk_leaves_its_warning_when_it_has_clearly_more_time(hours: int, level: Level) -> None:
    host = replace(SILENT, disks=(Disk("/", 50, 100),))
    open_ = {"probe/host-disk-/": AlertState("probe/host-disk-/", Phase.OPEN, Level.WARNING, NOW)}
    (sign,) = host_signs(host, HostLimits(), open_, NOW, lambda _subject, _figure: timedelta(hours=hours))
    assert sign.seen.level is level


def test_a_disk_that_was_to_be_full_soon_has_not_been_as_full_as_that() -> None:
    host = replace(SILENT, disks=(Disk("/", 91, 100),))
    (soon,) = host_signs(host, HostLimits(), {}, NOW, lambda _subject, _figure: timedelta(hours=5))
    assert (soon.seen.level, soon.words) == (Level.CRITICAL, "full in about 5h at this pace")
    open_ = AlertState(soon.seen.subject, Phase.OPEN, Level.CRITICAL, NOW, observation=soon.seen)
    (later,) = host_signs(host, HostLimits(), {open_.subject: open_}, NOW, lambda _subject, _figure: None)
    assert (later.seen.level, later.words) == (Level.WARNING, "above 85%")


@pytest.mark.parametrize(
    ("hours", "words"), [(0.4, "less than an hour"), (1.9, "1h"), (47, "1 day, 23 hours"), (49, "2 days")]
)
def test_a_time_is_told_so_that_it_seldom_changes(hours: float, words: str) -> None:
    assert coarse(timedelta(hours=hours)) == words


def test_what_has_left_its_level_is_not_back_in_it_before_its_limit_is_reached_again() -> None:
    well = Observation("probe/host-cpu", Level.OK)
    open_ = {"probe/host-cpu": AlertState("probe/host-cpu", Phase.RECOVERING, Level.WARNING, NOW, observation=well)}
    host = replace(SILENT, cpu_percent=84)
    (sign,) = host_signs(host, HostLimits(), open_, NOW, lambda _subject, _figure: None)
    assert sign.seen.level is Level.OK
