"""requests and httpx, each with a session that keeps its connection."""

import hashlib

import httpx
import requests


def pieces(count=200, size=7_001):
    for number in range(count):
        yield bytes([number % 256]) * size


BODY = b"".join(pieces())


def test_requests_session(app_gateway):
    with requests.Session() as session:
        for number in range(100):
            answer = session.get(f"{app_gateway.url}/echo", params={"n": number}, timeout=20)
            assert answer.status_code == 200
            assert answer.json()["method"] == "GET"
        pools = session.get_adapter(app_gateway.url).poolmanager.pools
        assert [pools[key].num_connections for key in pools.keys()] == [1]


def test_httpx_client(app_gateway):
    with httpx.Client(base_url=app_gateway.url, timeout=20,
                      limits=httpx.Limits(max_connections=1)) as client:
        for number in range(100):
            answer = client.post("/echo", content=b"x" * number)
            assert answer.json()["body_bytes"] == number
            assert answer.http_version == "HTTP/1.1"


def test_chunked_upload_with_requests(app_gateway):
    answer = requests.post(f"{app_gateway.url}/echo", data=pieces(), timeout=20)
    assert answer.json()["body_sha256"] == hashlib.sha256(BODY).hexdigest()


def test_chunked_upload_with_httpx(app_gateway):
    answer = httpx.post(f"{app_gateway.url}/echo", content=pieces(), timeout=20)
    assert answer.json()["body_sha256"] == hashlib.sha256(BODY).hexdigest()


def test_every_response_has_a_request_id_of_its_own(app_gateway):
    with requests.Session() as session:
        ids = [session.get(f"{app_gateway.url}/echo", timeout=20).headers["X-Request-ID"]
               for _ in range(20)]
    assert len(set(ids)) == 20
