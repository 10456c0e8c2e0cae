"""Several servers, some of them dead, dying or ill."""

from support import backends
from support.waiting import free_port, until


def test_a_dead_server_costs_no_request(gateway, make_origin):
    alive = make_origin()
    gateway.start_before(f"127.0.0.1:{free_port()}", alive.address)
    for number in range(50):
        with gateway.client() as client:
            assert client.request("POST", f"/{number}", body=b"x").status == 200
    assert len(alive.requests) == 50


def test_killed_server_and_then_the_next_one_answers(gateway, make_backend):
    servers = [make_backend(backends.gunicorn, name=f"server{n}") for n in range(2)]
    gateway.start_before(*[server.address for server in servers], upstream="profile gunicorn")
    assert [gateway.get("/healthz").status for _ in range(4)] == [200] * 4
    servers[0].kill()
    assert [gateway.get("/healthz").status for _ in range(10)] == [200] * 10


def test_killed_last_server_is_502_at_once_and_it_comes_back(gateway, make_backend):
    server = make_backend(backends.gunicorn)
    gateway.start_before(server.address, upstream="profile gunicorn")
    assert gateway.get("/healthz").status == 200
    server.kill()
    response = gateway.get("/healthz", Accept="application/json")
    assert response.status in (502, 503)
    assert "error=" in response["Proxy-Status"]
    assert int(response["Retry-After"]) >= 1
    make_backend(backends.gunicorn)
    until(lambda: gateway.get("/healthz").status == 200, "the app to be used again", seconds=30)


def test_a_request_that_may_have_had_an_effect_is_not_repeated(gateway, make_origin):
    def script(connection):
        connection.next_request()

    origins = [make_origin(script) for _ in range(2)]
    gateway.start_before(*[origin.address for origin in origins], site="buffer off")
    with gateway.client() as client:
        assert client.request("POST", "/", body=b"x").status == 502
    assert sum(len(origin.requests) for origin in origins) == 1


def test_an_idempotent_request_is_repeated_on_another_server(gateway, make_origin):
    def script(connection):
        connection.next_request()

    broken, sound = make_origin(script), make_origin()
    gateway.start_before(broken.address, sound.address, top="workers 1")
    statuses = {gateway.get(f"/{n}").status for n in range(4)}
    assert statuses == {200}
    assert broken.requests


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_request(gateway, make_origin):
    def script(connection):
        connection.next_request()
        connection.respond(b"once")
        # And now it closes, without having said so.

    origin = make_origin(script)
    gateway.start_before(origin.address, top="workers 1")
    with gateway.client() as client:
        for _ in range(20):
            assert client.get().body == b"once"


def test_health_checks_take_a_server_out_and_bring_it_back(gateway, make_origin):
    ports_out = set()

    def script(connection):
        port = connection.origin.port
        while (request := connection.next_request()) is not None:
            if request.target == "/healthz" and port in ports_out:
                connection.respond(status="503 Service Unavailable")
            else:
                connection.respond(str(port).encode())

    ill, sound = make_origin(script), make_origin(script)
    gateway.start_before(
        ill.address, sound.address,
        upstream="health_check /healthz every=100ms passes=2 fails=2")

    def who_answers():
        return {int(gateway.get().body) for _ in range(6)}

    until(lambda: who_answers() == {ill.port, sound.port}, "both servers to be used")
    ports_out.add(ill.port)
    until(lambda: who_answers() == {sound.port}, "the ill server to be left out")
    ports_out.clear()
    until(lambda: who_answers() == {ill.port, sound.port}, "both servers to be used again")


def test_when_all_fail_their_health_checks_the_client_is_told_when_to_come_back(
        gateway, make_origin):
    def script(connection):
        while connection.next_request() is not None:
            connection.respond(status="500 Internal Server Error")

    gateway.start_before(make_origin(script).address,
                         upstream="health_check /healthz every=100ms fails=1")
    response = until(
        lambda: (answer := gateway.get(Accept="application/json")).status == 503 and answer,
        "the server to be taken out")
    assert int(response["Retry-After"]) >= 1
    assert "error=" in response["Proxy-Status"]


def test_weights(gateway, make_origin):
    heavy, light = make_origin(), make_origin()
    gateway.start_before(f"{heavy.address} weight=3", light.address, top="workers 1")
    with gateway.client() as client:
        for _ in range(40):
            assert client.get().status == 200
    assert (len(heavy.requests), len(light.requests)) == (30, 10)


def test_hash_keeps_a_client_on_its_server(gateway, make_origin):
    origins = [make_origin() for _ in range(3)]
    gateway.start_before(*[origin.address for origin in origins],
                         upstream="balance hash key=client_address")
    for _ in range(20):
        assert gateway.get().status == 200
    assert sorted(len(origin.requests) for origin in origins) == [0, 0, 20]
