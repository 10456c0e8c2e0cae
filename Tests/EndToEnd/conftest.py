"""What the tests start: the gateway, app servers, and origins that follow a script."""

import os

import pytest

from support import backends
from support.gateway import Gateway
from support.origin import Origin
from support.waiting import give_up_ports

# All of it is on this machine: no proxy that somebody configured may come between.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@pytest.fixture(autouse=True)
def ports():
    """Keeps the ports that a test was told of until it ends."""
    yield
    give_up_ports()


@pytest.fixture
def gateway(tmp_path):
    """A gateway that a test starts with its own configuration; whatever it said is shown when the
    test fails."""
    gateway = Gateway(tmp_path)
    yield gateway
    try:
        gateway.end()
    finally:
        if (tmp_path / "gateway.out").exists():
            print(gateway.output)


@pytest.fixture
def make_origin(tmp_path):
    origins = []

    def make(*arguments, **options):
        origins.append(Origin(*arguments, **options))
        return origins[-1]

    yield make
    for origin in origins:
        origin.stop()


@pytest.fixture
def origin(make_origin):
    """An origin that says what it was asked."""
    return make_origin()


@pytest.fixture
def make_backend(tmp_path):
    """Starts app servers that the test may kill."""
    started = []

    def make(start, *arguments, **options):
        started.append(start(tmp_path, *arguments, **options))
        return started[-1]

    yield make
    for backend in started:
        backend.kill()


@pytest.fixture(scope="session")
def sync(tmp_path_factory):
    yield from running(backends.gunicorn(
        tmp_path_factory.mktemp("sync"), "--worker-class", "sync", "--workers", "2"))


@pytest.fixture(scope="session")
def gthread(tmp_path_factory):
    yield from running(backends.gunicorn(
        tmp_path_factory.mktemp("gthread"), "--worker-class", "gthread", "--threads", "8"))


@pytest.fixture(scope="session")
def uwsgi(tmp_path_factory):
    yield from running(backends.uwsgi(tmp_path_factory.mktemp("uwsgi")))


@pytest.fixture(scope="session")
def uvicorn(tmp_path_factory):
    yield from running(backends.uvicorn(tmp_path_factory.mktemp("uvicorn")))


@pytest.fixture(scope="session")
def node(tmp_path_factory):
    yield from running(backends.node(tmp_path_factory.mktemp("node")))


@pytest.fixture(params=["sync", "gthread", "uwsgi", "uvicorn", "node"])
def backend(request):
    """Each of the real app servers in turn; all of them answer /echo."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def app_gateway(gateway, backend):
    """A gateway in front of each of the real app servers, with the profile for it."""
    return gateway.start_before(backend.address, upstream=f"profile {backend.name}")


def running(backend):
    yield backend
    backend.kill()
