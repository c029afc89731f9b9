"""The contract of an outlet, as tests. A module that imports `OutletContract` and subclasses it runs them all."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reporter.delivery.outlets.outlet import Delivered, Later, Never, Outlet, Unclear
from reporter.messages.message import Severity
from tests.delivery.outlets.messages import HOSTILE, field, line, prose, summary


class OutletContract:
    """What delivery relies on. A subclass gives the fixture `outlet`, one that works."""

    @pytest.fixture
    def outlet(self) -> Outlet:
        raise NotImplementedError

    def test_names_its_kind(self, outlet: Outlet) -> None:
        assert outlet.kind

    def test_fits_the_same_message_to_the_same_parts(self, outlet: Outlet) -> None:
        long = summary(body=(prose(*(f"line {number} " * 30 for number in range(60))),))
        assert outlet.fit(long) == outlet.fit(long)

    def test_leaves_alone_what_fits(self, outlet: Outlet) -> None:
        assert outlet.fit(summary()) == [summary()]

    def test_a_part_fits(self, outlet: Outlet) -> None:
        parts = outlet.fit(summary(body=(prose("word " * 4000),)))
        assert [outlet.fit(part) for part in parts] == [[part] for part in parts]

    def test_fits_even_an_empty_message(self, outlet: Outlet) -> None:
        [part] = outlet.fit(replace(summary(), title=(), body=(), fields=(), footer=(), at=None))
        assert isinstance(outlet.post(part), Delivered)

    def test_its_payload_is_json(self, outlet: Outlet) -> None:
        payload = outlet.payload(summary())
        assert json.loads(json.dumps(payload)) == payload

    def test_posts_and_names_the_message(self, outlet: Outlet) -> None:
        first, second = outlet.post(summary()), outlet.post(summary())
        assert isinstance(first, Delivered)
        assert isinstance(second, Delivered)
        assert first.id != second.id

    def test_takes_any_severity_and_foreign_text(self, outlet: Outlet) -> None:
        for severity in Severity:
            hostile = summary(title=line(HOSTILE), fields=(field(HOSTILE, HOSTILE),), severity=severity)
            assert all(isinstance(outlet.post(part), Delivered) for part in outlet.fit(hostile))

    def test_posts_several_as_one_as_far_as_it_says(self, outlet: Outlet) -> None:
        messages = [summary()] * 12
        count = outlet.together(messages)
        assert 1 <= count <= len(messages)
        assert isinstance(outlet.post(*messages[:count]), Delivered)

    def test_concludes_nothing_where_it_knows_no_message(self, outlet: Outlet) -> None:
        assert isinstance(outlet.find("ref 1a2b3c", ()), Unclear)

    def test_may_be_posted_to_at_first(self, outlet: Outlet) -> None:
        assert outlet.pause() == 0

    def test_edits_what_it_posted(self, outlet: Outlet) -> None:
        posted = outlet.post(summary())
        assert isinstance(posted, Delivered)
        edited = outlet.edit(posted.id, summary(title=line("another")))
        assert isinstance(edited, Delivered)
        assert edited.id == posted.id

    def test_deletes_what_it_posted_and_twice_is_no_trouble(self, outlet: Outlet) -> None:
        posted = outlet.post(summary())
        assert isinstance(posted, Delivered)
        assert [type(outlet.delete(posted.id)) for _ in range(2)] == [Delivered, Delivered]

    def test_can_be_looked_at_without_posting(self, outlet: Outlet) -> None:
        assert isinstance(outlet.look(), Delivered)

    def test_once_closed_it_loses_nothing(self, outlet: Outlet) -> None:
        outlet.close()
        assert isinstance(outlet.post(summary()), Delivered | Later)

    def test_closes_twice(self, outlet: Outlet) -> None:
        outlet.close()
        outlet.close()
        assert isinstance(outlet.look(), Delivered | Later | Never | Unclear)  # and still answers with a verdict
