"""Expectations on an HTTP response: text, JSON, certificate, redirects."""

import gzip
import resource
import zlib
from codecs import BOM_UTF8
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from reporter.alerts.model import Level, Observation
from reporter.probes.jsonpath import NOTHING, found, steps
from tests.probes.conftest import Rounds
from tests.probes.databases import configured
from tests.probes.servers import answers, greets, nobody_listening, over_tls, says, sends, serving, tunnels

STATUS = '{"status": "ok", "open": true, "data": [{"lag": "2.5", "a.b": null}], "funds": 400}'


def look(rounds: Rounds, url: str, **options: Any) -> Observation:
    probe = configured("api", **{"timeout": "20s", "url": url, **options})
    (reading,) = rounds([probe], deadline=25.0).probe_all()
    return reading.observation


def asked(rounds: Rounds, body: str, **expected: Any) -> Observation:
    with serving(says(body)) as port:
        return look(rounds, f"http://127.0.0.1:{port}/", **expected)


@pytest.mark.parametrize(
    ("expected", "detail"),
    [
        ({"expect_text": '"ok"'}, "online"),
        ({"expect_text": "closed"}, "the answer does not contain the text that it should"),
        ({"expect_pattern": r'"open":\s*true'}, "online"),
        ({"expect_pattern": r'"open":\s*false'}, "the answer does not match the pattern that it should"),
        ({"expect_json": [{"path": "status", "equals": "ok"}, {"path": "open", "equals": True}]}, "online"),
        ({"expect_json": {"path": "status", "equals": "down"}}, "status is not down"),
        ({"expect_json": {"path": "open", "equals": 1}}, "open is not 1"),
        ({"expect_json": {"path": "data[1].lag"}}, "the answer has no data[1].lag"),
        (
            {"expect_json": {"path": "data[0].lag", "above": {"warning": 2, "critical": 10}, "name": "lag"}},
            "online, but lag above 2",
        ),
        ({"expect_json": {"path": "funds", "below": {"warning": 500, "critical": 50}}}, "online, but funds below 500"),
        ({"expect_json": {"path": "status", "above": {"warning": 1}}}, "status is no number"),
    ],
)
def test_an_answer_is_held_to_its_text_and_its_json(expected: dict[str, Any], detail: str, rounds: Rounds) -> None:
    seen = asked(rounds, STATUS, **expected)
    assert seen.detail == detail
    assert (seen.level is Level.OK) == (detail == "online")


def test_a_figure_in_the_json_is_shown_with_its_limit(rounds: Rounds) -> None:
    seen = asked(rounds, STATUS, expect_json={"path": "$.data[0].lag", "above": {"warning": 1, "critical": 2.5}})
    assert (seen.level, seen.value, seen.limit, seen.figure) == (Level.CRITICAL, "2.5", "2.5", 2.5)


@pytest.mark.parametrize("body", ["<html>", "", "[" * 100_000, "{" + " " * 1_100_000])
def test_what_is_no_json_is_critical(body: str, rounds: Rounds) -> None:
    seen = asked(rounds, body, expect_json={"path": "status", "equals": "ok"})
    assert seen.level is Level.CRITICAL
    assert seen.detail in {"the answer is no JSON", "the answer is too long to be read"}


def test_a_pattern_that_would_take_years_is_given_up(rounds: Rounds) -> None:
    seen = asked(rounds, "a" * 4000, expect_pattern=r"(?:a|aa|aaa)+(?:a|aa)+b$")
    assert seen.detail == "the answer does not match the pattern that it should"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", {"a": [1, {"b.c": 2}]}),
        ("a[0]", 1),
        ('$.a[1]["b.c"]', 2),
        ("a[2]", NOTHING),
        ("a.b", NOTHING),
        ("x", NOTHING),
    ],
)
def test_a_place_in_json_is_one_or_none(path: str, value: object) -> None:
    assert found({"a": [1, {"b.c": 2}]}, path) == value


@pytest.mark.parametrize("path", ["a[", "a[x]", "a..b", "[-1]", "a[*]", '["a"'])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        steps(path)


def test_a_question_may_have_a_method_and_a_body(rounds: Rounds) -> None:
    seen: list[bytes] = []
    with serving(answers(200, seen=seen)) as port:
        look(rounds, f"http://127.0.0.1:{port}/rpc", method="POST", body='{"id": 1}')
    assert seen[0].startswith(b"POST /rpc HTTP/1.1")
    assert seen[0].endswith(b'{"id": 1}')


def test_a_redirect_is_followed_if_wanted_and_takes_no_secret_to_another_server(rounds: Rounds) -> None:
    there: list[bytes] = []
    with (
        serving(says("here", seen=there)) as end,
        serving(says("", status=302, headers=f"Location: http://127.0.0.1:{end}/x\r\n")) as port,
    ):
        options = {"headers": {"X-Token": "t0ken"}, "method": "POST", "body": "s3cret"}
        stays = look(rounds, f"http://127.0.0.1:{port}/", **options)
        goes = look(rounds, f"http://127.0.0.1:{port}/", follow_redirects=True, expect_text="here", **options)
    assert stays.detail == "HTTP 302, expected 200"
    assert goes.level is Level.OK
    assert there[0].startswith(b"GET /x ")
    assert b"t0ken" not in there[0]
    assert b"s3cret" not in there[0]


@pytest.mark.parametrize("location", ["/", "gopher://x/", "http://[::1"])
def test_a_redirect_that_leads_nowhere_is_critical(location: str, rounds: Rounds) -> None:
    with serving(says("", status=302, headers=f"Location: {location}\r\n")) as port:
        seen = look(rounds, f"http://127.0.0.1:{port}/", follow_redirects=True)
    assert seen.level is Level.CRITICAL


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.mark.parametrize(
    ("days", "level", "detail"),
    [
        (40, Level.OK, "online"),
        (10, Level.WARNING, "online, but its certificate is valid for less than 14 days"),
        (2, Level.CRITICAL, "online, but its certificate is valid for less than 3 days"),
        (-1, Level.CRITICAL, "certificate refused: certificate has expired"),
    ],
)
def test_a_certificate_is_told_of_before_it_ends(
    days: int, level: Level, detail: str, authority: trustme.CA, trusted: str, rounds: Rounds
) -> None:
    ends = datetime.now(UTC) + timedelta(days=days, hours=1)
    leaf = authority.issue_cert("localhost", not_after=ends, not_before=ends - timedelta(days=90))
    with serving(over_tls(answers(200), leaf)) as port:
        web = look(rounds, f"https://localhost:{port}/", ca_file=trusted)
        bare = configured("tls", kind="tls", address=f"localhost:{port}", ca_file=trusted)
        port_alone = rounds([bare]).probe_all()[0].observation
    assert (web.level, web.detail) == (port_alone.level, port_alone.detail) == (level, detail)
    if level is Level.WARNING:
        assert (web.value, web.limit) == ("10 days", "14 days")


def test_a_certificate_of_somebody_else_is_refused_unless_anybody_is_trusted(
    authority: trustme.CA, trusted: str, rounds: Rounds
) -> None:
    with serving(over_tls(answers(200), authority.issue_cert("other.example"))) as port:
        url = f"https://localhost:{port}/"
        wrong = look(rounds, url, ca_file=trusted)
        strange = look(rounds, url)
        anybody = look(rounds, url, verify=False)
        said: dict[str, Any] = {"address": f"localhost:{port}", "ca_file": trusted, "server_name": "other.example"}
        named = configured("tls", kind="tls", **said)
        right = rounds([named]).probe_all()[0].observation
    assert wrong.detail.startswith("certificate refused: Hostname mismatch")
    assert strange.detail == "certificate refused: unable to get local issuer certificate"
    assert anybody.level is right.level is Level.OK


def test_a_file_of_authorities_that_is_gone_says_nothing_about_the_target(rounds: Rounds, tmp_path: Path) -> None:
    with serving(greets) as port:
        seen = look(rounds, f"https://127.0.0.1:{port}/", ca_file=str(tmp_path / "gone.pem"))
    why = f"the trusted certificates in {tmp_path}/gone.pem cannot be read: No such file or directory"
    assert (seen.level, seen.detail) == (Level.UNKNOWN, why)


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file or directory"), ("", "it holds no certificates (PEM)")]
)
def test_a_file_of_authorities_that_the_environment_names_is_named(
    content: str | None, why: str, rounds: Rounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with serving(greets) as port:
        seen = look(rounds, f"https://127.0.0.1:{port}/")
        plain = look(rounds, f"http://127.0.0.1:{port}/", verify=False)
    words = f"the trusted certificates in {file}, which SSL_CERT_FILE names, cannot be read: {why}"
    assert (seen.level, seen.detail) == (Level.UNKNOWN, words)
    assert plain.level is Level.CRITICAL  # nothing is trusted, so nothing is read


def test_the_authorities_that_the_environment_names_are_trusted(
    authority: trustme.CA, trusted: str, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trusted)
    with serving(over_tls(answers(200), authority.issue_cert("localhost"))) as port:
        assert look(rounds, f"https://localhost:{port}/").detail == "online"


JSON = b'{"status": "ok"}'


@pytest.mark.parametrize(
    ("coding", "body", "detail"),
    [
        ("gzip", gzip.compress(JSON, mtime=0), "online"),
        ("deflate", zlib.compress(JSON), "online"),
        ("GZIP", gzip.compress(b" " * 100 + JSON, mtime=0), "online"),
        ("gzip", JSON, "the answer is not compressed as it says"),
        ("br", JSON, "the answer is compressed in a way that nobody asked for"),
        ("identity", BOM_UTF8 + JSON, "online"),
        ("identity", '{"status": "ok"}'.encode("utf-16"), "online"),
        ("identity", '\ufeff{"status": "ok"}'.encode("utf-16-be"), "online"),
    ],
)
def test_an_answer_is_read_however_it_is_coded(coding: str, body: bytes, detail: str, rounds: Rounds) -> None:
    with serving(sends(body, f"Content-Encoding: {coding}\r\n")) as port:
        seen = look(rounds, f"http://127.0.0.1:{port}/", expect_json={"path": "status", "equals": "ok"})
    assert seen.detail == detail


def test_an_answer_is_read_in_the_encoding_that_it_names(rounds: Rounds) -> None:
    for charset in ("ISO-8859-1", "nobody-knows"):
        with serving(
            sends("gr\xfc\xdfe".encode("latin-1"), f"Content-Type: text/plain; charset={charset}\r\n")
        ) as port:
            seen = look(rounds, f"http://127.0.0.1:{port}/", expect_text="gr\xfc\xdfe")
        assert (seen.level is Level.OK) is (charset == "ISO-8859-1")


def test_a_little_that_unpacks_to_a_lot_is_cut(rounds: Rounds) -> None:
    bomb = gzip.compress(b"x" * 200_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with serving(sends(bomb, "Content-Encoding: gzip\r\n")) as port:
        assert look(rounds, f"http://127.0.0.1:{port}/", expect_text="xx").detail == "online"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KiB; all of it is 200 MB


def test_http_to_a_port_that_speaks_tls_says_so(authority: trustme.CA, rounds: Rounds) -> None:
    nginx = says("<title>400 The plain HTTP request was sent to HTTPS port</title>", status=400)
    tls = over_tls(answers(200), authority.issue_cert("localhost"))
    with serving(tls) as bare, serving(nginx) as polite, serving(greets) as plain:
        assert look(rounds, f"http://localhost:{bare}/").detail == "it speaks TLS: write https:// in its address"
        assert look(rounds, f"http://localhost:{polite}/").detail == (
            "HTTP 400, expected 200: write https:// in its address"
        )
        assert look(rounds, f"https://localhost:{plain}/").detail == "TLS failed: it does not speak TLS"


def test_a_proxy_is_gone_through_where_the_config_names_one(
    authority: trustme.CA, trusted: str, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    asked: list[bytes] = []
    with (
        serving(over_tls(answers(200), authority.issue_cert("far.example"))) as far,
        serving(tunnels(far)) as proxy,
        serving(says("ok", seen=asked)) as forwarding,
    ):
        through = {"proxy": f"http://bot:pass@127.0.0.1:{proxy}"}
        secure = look(rounds, "https://far.example/", ca_file=trusted, **through)
        plain = look(rounds, "http://far.example/x?y", proxy=f"http://127.0.0.1:{forwarding}")
    assert (secure.detail, plain.detail) == ("online", "online")
    assert asked[0].startswith(b"GET http://far.example/x?y HTTP/1.1")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (502, "critical: the proxy does not reach it (HTTP 502)"),
        (407, "unknown: the proxy refuses to connect (HTTP 407)"),
        (None, "unknown: the proxy cannot be reached: refused"),
    ],
)
def test_what_a_proxy_refuses_is_told_as_its_own(status: int | None, words: str, rounds: Rounds) -> None:
    with nobody_listening() as nobody, serving(answers(status or 200)) as proxy:
        address = f"http://127.0.0.1:{nobody if status is None else proxy}"
        seen = look(rounds, "https://far.example/", proxy=address)
    assert f"{seen.level}: {seen.detail}" == words
