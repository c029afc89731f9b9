"""The `redis` probe on healthy and broken servers, over real connections to a real Valkey."""

import re
import socket
import time
from pathlib import Path

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from reporter.alerts.model import Level
from tests.probes.conftest import StandingClock
from tests.probes.databases import Watch, Watching, open_files, told, wait_until
from tests.probes.servers import Behaviour, greets, hangs, nobody_listening, over_tls, serving
from tests.support.servers import Valkey, valkey


def test_a_server_that_is_well_shows_its_figures(redis: Valkey, watch: Watch) -> None:
    probe = watch("redis", url=redis.url())
    redis.say("SET", "a", "1")
    probe.look()
    reading = probe.look()
    assert (reading.kind, told(reading)) == ("redis", "ok: online")
    assert 0 < (reading.latency or 0) < 5
    figures = dict(reading.figures)
    assert re.fullmatch(r"\d+ of 10,000", figures["clients"])
    assert re.fullmatch(r"[\d.]+ \wiB, no limit set", figures["memory"])
    assert (figures["keys"], figures["evicted"], figures["append-only file"]) == ("1", "none in 1m", "off")
    assert re.fullmatch(r"Valkey \d+\.\d+\.\d+", figures["version"])


def test_hits_are_those_of_the_last_hour(watch: Watch) -> None:
    with valkey() as server:
        probe = watch("redis", url=server.url(), hits={"warning": 60})
        for _ in range(500):
            server.say("GET", "nothing")
        assert "hits" not in dict(probe.look().figures)
        server.say("SET", "a", "1")
        server.say("EVAL", "for i = 1, 1500 do redis.call('GET', i % 3 == 0 and 'b' or 'a') end", "0")
        assert dict(probe.look().figures)["hits"] == "66.7%"
        server.say("EVAL", "for i = 1, 500 do redis.call('GET', 'b') end", "0")
        assert told(probe.look()) == "warning: online, but hits below 60%"


def test_full_memory_is_trouble_where_nothing_is_evicted(watch: Watch) -> None:
    with valkey("--maxmemory", "4mb") as server:
        probe = watch("redis", url=server.url())
        assert told(probe.look()) == "ok: online"
        server.say("EVAL", "for i = 1, 25 do redis.call('SET', i, string.rep('x', 100000)) end", "0")
        assert told(probe.look()) == "warning: online, but memory above 3.4 MiB of 4.0 MiB (85%)"
        server.say("EVAL", "for i = 1, 30 do redis.pcall('SET', 'x' .. i, string.rep('x', 50000)) end", "0")
        full = "critical: online, but its memory is full, and it refuses writes (noeviction)"
        assert told(probe.look()) in {full, "critical: online, but memory above 3.8 MiB of 4.0 MiB (95%)"}
        server.say("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        assert told(probe.look()) == "ok: online"


def test_a_password_is_asked_for_and_refused_in_words(watch: Watch) -> None:
    with valkey("--requirepass", "hunter2") as server:
        seen = [watch("redis", url=server.url(password=password)).look() for password in ("", "wrong", "hunter2")]
    assert [told(one) for one in seen] == [
        "critical: it wants a password, and the address has none",
        "critical: the password is refused",
        "ok: online",
    ]
    assert "hunter2" not in f"{seen}"


def test_a_user_may_ask_no_more_than_it_is_allowed(redis: Valkey, watch: Watch) -> None:
    redis.say("ACL", "SETUSER", "pinger", "on", ">hunter2", "+ping")
    redis.say("ACL", "SETUSER", "nobody", "on", ">hunter2", "-@all")
    seen = watch("redis", url=redis.url(user="pinger", password="hunter2")).look()
    assert (told(seen), seen.figures) == ("ok: online", (("figures", "hidden without +info"),))
    assert told(watch("redis", url=redis.url(user="nobody", password="hunter2")).look()) == (
        "critical: the user may not ask it: ACL SETUSER … +ping +info"
    )


def test_clients_that_use_up_every_connection(watch: Watch) -> None:
    with valkey("--maxclients", "2") as server:
        probe = watch("redis", url=server.url())
        server.say("PING")
        time.sleep(0.2)  # until it has seen that nobody is connected any more
        with server.line(), server.line():
            assert told(probe.look()) == "critical: it has no connection left to give (maxclients)"
        wait_until(lambda: probe.look().observation.level is not Level.CRITICAL)


def test_a_save_that_failed_is_critical_until_one_succeeds(watch: Watch) -> None:
    with valkey("--dbfilename", "taken") as server:
        probe = watch("redis", url=server.url())
        (server.folder / "taken").mkdir()
        server.say("BGSAVE")
        failed = "critical: online, but its last save failed, and by default it refuses writes"
        wait_until(lambda: told(probe.look()) == failed)
        (server.folder / "taken").rmdir()
        server.say("BGSAVE")
        wait_until(lambda: told(probe.look()) == "ok: online")
        assert dict(probe.look().figures)["last save"].endswith(" ago")


def test_a_replica_is_seen_from_both_sides(watch: Watch) -> None:
    with valkey("--repl-diskless-sync-delay", "0") as primary:
        one = watch("redis", url=primary.url(), replicas=1)
        assert told(one.look()) == "warning: online, but fewer replicas than 1 are connected"
        with valkey("--replicaof", "127.0.0.1", str(primary.port)) as replica:
            other = watch("redis", url=replica.url())
            wait_until(lambda: told(other.look()) == "ok: online, a replica")
            wait_until(lambda: told(one.look()) == "ok: online")
            assert dict(other.look().figures)["primary"] == "connected"
            misplaced = told(watch("redis", url=replica.url(), expect_role="primary").look())
            assert misplaced == "critical: online, a replica, but it takes no writes: it should be a primary"
            primary.kill()
            wait_until(lambda: told(other.look()) == "critical: online, a replica, but its link to the primary is down")
            assert dict(other.look().figures)["primary"] == "not connected"


def test_a_socket_of_this_machine_is_asked_too(tmp_path: Path, watch: Watch) -> None:
    with valkey("--unixsocket", str(tmp_path / "redis.sock"), "--requirepass", "hunter2"):
        assert told(watch("redis", url=f"unix://:hunter2@{tmp_path}/redis.sock").look()) == "ok: online"
    gone = watch("redis", url=f"unix://{tmp_path}/nothing.sock").look()
    assert told(gone) == "critical: nothing listens at its socket"


def answering(info: str) -> Behaviour:
    """Answers to PING and to INFO."""

    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"+PONG\r\n")
        connection.recv(4096)
        connection.sendall(b"$%d\r\n%b\r\n" % (len(info.encode()), info.encode()))

    return behave


NAMES = [
    "role",
    "maxclients",
    "maxmemory",
    "used_memory",
    "maxmemory_policy",
    "rdb_last_save_time",
    "server_time_usec",
    "slave0",
    "db0",
    "redis_version",
    "connected_slaves",
    "master_link_status",
    "uptime_in_seconds",
    "keyspace_hits",
    "master_link_down_since_seconds",
]


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=12) | st.integers().map(str)))
def test_whatever_a_server_says_of_itself_something_is_told(info: dict[str, str]) -> None:
    clock = StandingClock()
    with serving(answering("".join(f"{name}:{value}\r\n" for name, value in info.items()))) as port:
        watching = Watching(clock, "redis", url=f"redis://127.0.0.1:{port}")
        words = told(watching.look())
        watching.close()
    assert words.startswith(("ok: online", "warning: online", "critical: online"))


def test_over_tls_the_certificate_must_be_good(tmp_path: Path, watch: Watch) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with serving(over_tls(answering("redis_version:7.2.4"), authority.issue_cert("localhost"))) as port:
        url = f"rediss://localhost:{port}"
        assert told(watch("redis", url=url, ca_file=str(tmp_path / "ca.pem")).look()) == "ok: online"
        assert told(watch("redis", url=url, verify=False).look()) == "ok: online"
        strange = told(watch("redis", url=url).look())
    assert strange == "critical: certificate refused: unable to get local issuer certificate"


def test_a_server_that_hangs_gives_no_answer_and_is_well_again_after(watch: Watch) -> None:
    with valkey() as server:
        probe = watch("redis", url=server.url(), timeout="300ms")
        assert told(probe.look()) == "ok: online"
        with server.held():
            before, began = open_files(), time.monotonic()
            assert [told(probe.look()) for _ in range(3)] == ["critical: no answer within 300ms"] * 3
            assert time.monotonic() - began < 20  # else it would not end
            assert open_files() <= before
        assert told(probe.look()) == "ok: online"


def test_a_server_that_is_killed_is_refused_and_comes_back(watch: Watch) -> None:
    with valkey() as server:
        probe = watch("redis", url=server.url())
        server.kill()
        assert told(probe.look()) == "critical: refused"
        server.start()
        assert told(probe.look()) == "ok: online"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("-LOADING Valkey is loading the dataset in memory", "critical: it is loading its data"),
        ("-BUSY a script is running", "critical: a script holds it up"),
        ("-DENIED Redis is running in protected mode", "critical: it is in protected mode"),
        ("-STRANGE secret things", "critical: it says: STRANGE"),
        ("$99999999", "critical: answered with something that is not Redis"),
        ("HTTP/1.1 400 Bad Request", "critical: answered with something that is not Redis"),
    ],
)
def test_what_a_server_says_instead_is_told_in_words(reply: str, words: str, watch: Watch) -> None:
    with serving(lambda connection: connection.sendall(f"{reply}\r\n".encode())) as port:
        assert told(watch("redis", url=f"redis://127.0.0.1:{port}").look()).startswith(words)


def test_other_things_than_redis_are_told_as_such(watch: Watch) -> None:
    for behave, words in (
        (greets, "critical: answered with something that is not Redis"),
        (hangs, "critical: no answer within 300ms"),
    ):
        with serving(behave) as port:
            assert told(watch("redis", url=f"redis://127.0.0.1:{port}", timeout="300ms").look()) == words
    with nobody_listening() as port:
        assert told(watch("redis", url=f"redis://127.0.0.1:{port}").look()) == "critical: refused"
