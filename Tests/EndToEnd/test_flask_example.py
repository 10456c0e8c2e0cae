"""The example app of the repository behind the gateway: gunicorn (sync, gthread) and uWSGI."""

import hashlib

import pytest
import requests


@pytest.fixture(params=["sync", "gthread", "uwsgi"])
def url(request, gateway):
    backend = request.getfixturevalue(request.param)
    return gateway.start_before(backend.address, upstream=f"profile {backend.name}\n"
                                "    health_check /healthz every=5s").url


def test_home_shows_the_address_of_the_client(url):
    page = requests.get(url, headers={"X-Forwarded-For": "198.51.100.1"}, timeout=20).text
    assert "127.0.0.1" in page
    assert "198.51.100.1" not in page
    assert f"{url}/" in page, "the URL that the client used"


def test_static_file_and_its_validator(url):
    first = requests.get(f"{url}/static/style.css", timeout=20)
    assert first.headers["Content-Type"].startswith("text/css")
    again = requests.get(f"{url}/static/style.css", timeout=20,
                         headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_upload_of_a_form(url):
    body = bytes(range(256)) * 1_000
    answer = requests.post(f"{url}/upload", files={"file": ("name", body)}, timeout=20).json()
    assert answer == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_errors_of_the_app_are_its_own(url):
    answer = requests.get(f"{url}/nothing", timeout=20)
    assert answer.status_code == 404
    assert "problem" not in answer.headers["Content-Type"]


def test_slow_answers_are_waited_for(url):
    assert requests.get(f"{url}/slow?seconds=1.5", timeout=20).json() == {"waited": 1.5}


def test_what_the_app_is_told(url):
    seen = requests.get(f"{url}/echo", timeout=20).json()
    fields = {name.lower(): value for name, value in seen["headers"]}
    assert seen["client"] == fields["x-real-ip"] == "127.0.0.1"
    assert fields["x-forwarded-proto"] == "http"
    assert fields["x-request-id"]
