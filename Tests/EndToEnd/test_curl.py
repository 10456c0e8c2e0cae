"""curl against each real app server."""

import hashlib
import json
import subprocess


def curl(gateway, path, *options):
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "20", *options, gateway.url + path],
        capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_get(app_gateway):
    answer = json.loads(curl(app_gateway, "/echo?a=1&b=%2F"))
    assert answer["method"] == "GET"
    assert answer["body_bytes"] == 0


def test_head_has_the_fields_of_get_and_no_body(app_gateway):
    head = curl(app_gateway, "/echo", "--head").decode()
    assert head.startswith("HTTP/1.1 200 ")
    assert head.endswith("\r\n\r\n")
    assert "content-type: application/json" in head.lower()


def test_post_form(app_gateway):
    answer = json.loads(curl(app_gateway, "/echo", "--data", "name=value"))
    assert (answer["method"], answer["body_bytes"]) == ("POST", len("name=value"))


def test_put_of_a_file_which_makes_curl_expect_100_continue(app_gateway, tmp_path):
    body = bytes(range(256)) * 8192
    file = tmp_path / "upload"
    file.write_bytes(body)
    answer = json.loads(curl(app_gateway, "/echo", "--upload-file", str(file)))
    assert answer["method"] == "PUT"
    assert answer["body_sha256"] == hashlib.sha256(body).hexdigest()
    names = [name.lower() for name, _ in answer["headers"]]
    assert "expect" not in names, "the gateway has answered the expectation itself"


def test_chunked_upload(app_gateway, tmp_path):
    body = b"chunk by chunk " * 20_000
    file = tmp_path / "upload"
    file.write_bytes(body)
    answer = json.loads(curl(app_gateway, "/echo", "--header", "Transfer-Encoding: chunked",
                             "--request", "POST", "--data-binary", f"@{file}"))
    assert answer["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_http_1_0(app_gateway):
    answer = curl(app_gateway, "/echo", "--http1.0", "--include").decode()
    assert answer.split(" ")[1] == "200"
    assert "transfer-encoding" not in answer.lower()


def test_several_requests_use_one_connection(app_gateway):
    done = subprocess.run(
        ["curl", "--silent", "--max-time", "20", "--write-out", "%{num_connects}\n",
         "--output", "/dev/null", "--output", "/dev/null", "--output", "/dev/null",
         *[f"{app_gateway.url}/echo?{number}" for number in range(3)]],
        capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == ["1", "0", "0"]
