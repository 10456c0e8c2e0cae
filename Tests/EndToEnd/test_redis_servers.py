"""Redis behind TLS, a real Redis Cluster, and a master that a real sentinel replaces."""

import re

import pytest

from support.pki import PKI
from support.redis import Cluster, Sentinel, is_installed, replicate
from support.waiting import free_port, until
from test_rate_limits import metric, statuses
from test_redis import flood, make_gateway, make_redis  # noqa: F401

pytestmark = pytest.mark.skipif(not is_installed(), reason="no redis-server")


@pytest.fixture
def pki(tmp_path):
    return PKI(tmp_path)


@pytest.fixture
def cluster(tmp_path):
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.kill()


@pytest.fixture
def make_sentinel(tmp_path):
    started = []

    def make(*arguments, **options):
        started.append(Sentinel(tmp_path, *arguments, **options))
        return started[-1]

    yield make
    for sentinel in started:
        sentinel.kill()


# TLS


def test_tls_with_an_authority_of_its_own_and_a_login(make_gateway, make_redis, origin, pki):
    leaf = pki.leaf("redis", "IP:127.0.0.1", issuer=pki.root)
    redis = make_redis(
        "--user", "alice", "on", ">p@ss:w/d", "~*", "&*", "+@all", tls=leaf, authority=pki.root)
    gateway = make_gateway(
        origin,
        f"redis rediss://alice:p%40ss%3Aw%2Fd@127.0.0.1:{redis.port}/3 ca={pki.root.path} "
        "timeout=2s on_failure=closed",
        "rate_limit 2/h name=n")
    assert statuses(gateway.port, 3) == [200, 200, 429]
    assert redis.words("-n", "3", "DBSIZE") == ["1"]


def test_two_gateways_keep_one_limit_over_tls(make_gateway, make_redis, origin, pki):
    leaf = pki.leaf("redis", "IP:127.0.0.1", issuer=pki.root)
    redis = make_redis(tls=leaf, authority=pki.root)
    line = f"redis {redis.url} ca={pki.root.path} timeout=2s"
    pair = [make_gateway(origin, line, "rate_limit 60/h name=n") for _ in range(2)]
    assert flood(pair, 25).count(200) == 60


@pytest.mark.parametrize("trust", ["system", "stranger"])
def test_a_certificate_of_nobody_that_is_believed_is_refused(
        make_gateway, make_redis, origin, pki, tmp_path, trust):
    leaf = pki.leaf("redis", "IP:127.0.0.1", issuer=pki.root)
    redis = make_redis(tls=leaf, authority=pki.root)
    option = ""
    if trust == "stranger":
        (tmp_path / "other").mkdir()
        option = f"ca={PKI(tmp_path / 'other').root.path}"
    gateway = make_gateway(
        origin, f"redis {redis.url} {option} on_failure=closed", "rate_limit 5/h name=n",
        expected=0)
    assert statuses(gateway.port, 2) == [503, 503]
    # It has been tried: the server has seen handshakes that failed.
    until(lambda: "Error accepting a client connection" in log(redis), "a refused handshake")
    assert metric(gateway, "gateway_redis_connections") == 0


def log(redis):
    return (redis.directory / f"redis-{redis.port}.log").read_text()


def test_a_certificate_is_for_the_name_that_is_asked_for(make_gateway, make_redis, origin, pki):
    leaf = pki.leaf("redis", "DNS:redis.example", issuer=pki.root)
    redis = make_redis(tls=leaf, authority=pki.root)
    line = f"redis {redis.url} ca={pki.root.path} timeout=2s on_failure=closed"
    wrong = make_gateway(origin, line, "rate_limit 5/h name=n", expected=0)
    until(lambda: "Error accepting a client connection" in log(redis), "a refused handshake")
    assert statuses(wrong.port, 1) == [503]
    right = make_gateway(origin, line + " server_name=redis.example", "rate_limit 1/h name=n")
    assert statuses(right.port, 2) == [200, 429]


def test_a_certificate_is_shown_where_the_server_wants_one(
        make_gateway, make_redis, origin, pki):
    leaf = pki.leaf("redis", "IP:127.0.0.1", issuer=pki.root)
    own = pki.leaf("gateway", issuer=pki.root)
    redis = make_redis("--tls-auth-clients", "yes", tls=leaf, authority=pki.root)
    line = f"redis {redis.url} ca={pki.root.path} timeout=2s on_failure=closed"
    without = make_gateway(origin, line, "rate_limit 5/h name=n", expected=0)
    until(lambda: "Error accepting a client connection" in log(redis), "a refused handshake")
    assert statuses(without.port, 1) == [503]
    shown = f" certificate={own.path} key={own.key_path}"
    gateway = make_gateway(origin, line + shown, "rate_limit 1/h name=n")
    assert statuses(gateway.port, 2) == [200, 429]


# A cluster


def test_a_cluster_is_entered_by_any_node(make_gateway, cluster, origin):
    owner = cluster.owner("{gateway}:")
    others = [node for node in cluster.nodes if node is not owner]
    pair = [
        make_gateway(origin, f"redis {node.url} timeout=2s on_failure=closed",
                     "rate_limit 60/h name=n")
        for node in others
    ]
    assert flood(pair, 25).count(200) == 60
    assert sum(metric(one, "gateway_redis_fallbacks_total") for one in pair) == 0
    assert owner.words("DBSIZE") == ["1"]


def test_counters_move_to_another_node_and_the_limit_holds(make_gateway, cluster, origin):
    source = cluster.owner("{gateway}:")
    target = next(node for node in cluster.nodes if node is not source)
    slot = cluster.slot("{gateway}:")
    gateway = make_gateway(
        origin, f"redis {cluster.nodes[0].url} timeout=2s on_failure=closed",
        "rate_limit 5/h name=old\n    route /new { rate_limit 4/h key=path name=new; proxy app }",
        workers=1)
    assert statuses(gateway.port, 3) == [200] * 3
    target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.identity(source))
    source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.identity(target))
    # What the source still has is asked there; a new key is asked at the target (ASK), whose
    # connection is made by the first question.
    key = source.words("KEYS", "*")[0]
    assert statuses(gateway.port, 1) == [200]
    for one in source.words("KEYS", "*"):
        assert "OK" in source.command("MIGRATE", "127.0.0.1", target.port, one, 0, 5000)
    assert source.words("DBSIZE") == ["0"]
    until(lambda: statuses(gateway.port, 1) == [200], "the node that the key was moved to")
    assert statuses(gateway.port, 1) == [429]
    for node in (target, source):
        node.command("CLUSTER", "SETSLOT", slot, "NODE", cluster.identity(target))
    # One question is told MOVED; then the new node is home.
    until(lambda: statuses(gateway.port, 1) == [429], "the new home")
    assert key in target.words("KEYS", "*")
    assert metric(gateway, "gateway_redis_connections") == 1


def test_the_replica_of_a_dead_master_takes_over(make_gateway, cluster, origin):
    owner = cluster.owner("{gateway}:")
    replica = cluster.add()
    cluster.meet(replica)
    cluster.settle()
    assert "OK" in replica.command("CLUSTER", "REPLICATE", cluster.identity(owner))
    until(lambda: "master_link_status:up" in replica.command("INFO", "replication"), "the replica")
    urls = " ".join(node.url for node in cluster.nodes)
    gateway = make_gateway(
        origin, f"redis {urls} timeout=2s on_failure=closed", "rate_limit 5/h name=n", workers=1)
    assert statuses(gateway.port, 3) == [200] * 3
    replicate(owner, replica)
    owner.kill()
    assert "OK" in replica.command("CLUSTER", "FAILOVER", "TAKEOVER")
    until(lambda: statuses(gateway.port, 1) == [200], "the new master")
    assert statuses(gateway.port, 2) == [200, 429]


# Sentinels


def watched(make_redis, make_sentinel, **options):
    master = make_redis()
    replica = make_redis("--replicaof", "127.0.0.1", master.port)
    until(lambda: "master_link_status:up" in replica.command("INFO", "replication"), "the replica")
    sentinel = make_sentinel(master, **options)
    if not options:
        until(lambda: "slaves=1" in sentinel.command("INFO", "sentinel"), "the sentinel to see it")
    return master, replica, sentinel


def test_a_sentinel_tells_where_the_master_is(make_gateway, make_redis, make_sentinel, origin):
    master, _, sentinel = watched(make_redis, make_sentinel, password="geheim")
    gateway = make_gateway(
        origin,
        f"redis redis://127.0.0.1:{free_port()} redis://127.0.0.1:{sentinel.port} "
        "sentinel=mymaster sentinel_password=geheim timeout=2s on_failure=closed",
        "rate_limit 2/h name=n")
    assert statuses(gateway.port, 3) == [200, 200, 429]
    assert master.words("DBSIZE") == ["1"]


@pytest.mark.parametrize("end", ["killed", "paused", "replaced"])
def test_a_sentinel_replaces_the_master(
        make_gateway, make_redis, make_sentinel, origin, end):
    master, replica, sentinel = watched(make_redis, make_sentinel)
    gateway = make_gateway(
        origin,
        f"redis redis://127.0.0.1:{sentinel.port} sentinel=mymaster timeout=1s "
        "on_failure=closed",
        "rate_limit 8/h name=n", workers=1)
    assert statuses(gateway.port, 3) == [200] * 3
    replicate(master, replica)
    if end == "killed":
        master.kill()
    elif end == "paused":
        master.pause()
    else:
        # Refused until the sentinel has heard from the replica.
        until(lambda: "OK" in sentinel.command("SENTINEL", "FAILOVER", "mymaster"),
              "a failover that the sentinel agrees to")
    until(lambda: sentinel.master() == replica.port, "the failover", 40)
    until(lambda: statuses(gateway.port, 1) == [200], "the new master")
    # Three before, one just now; what the old one had let through meanwhile it has not forgotten.
    rest = statuses(gateway.port, 8)
    assert rest.count(200) <= 4 and rest[-1] == 429
    assert re.search(r"role:master", replica.command("INFO", "replication"))
