"""A small app that shows what an app sees behind the gateway."""

import hashlib
import time

from flask import Flask, Response, jsonify, render_template_string, request
from werkzeug.middleware.proxy_fix import ProxyFix

app = Flask(__name__)
# The gateway is the one hop in front, and it has removed whatever a client made up. With nothing in
# front this line must go: it believes the fields, whoever sent them.
app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_port=1)

MAXIMUM_WAIT_SECONDS = 60
MAXIMUM_EVENTS = 1_000

HOME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Behind the gateway</title>
<link rel="stylesheet" href="{{ url_for('static', filename='style.css') }}">
<h1>Behind the gateway</h1>
<dl>
  <dt>Your address <dd>{{ request.remote_addr }}
  <dt>You asked for <dd>{{ request.url }}
  <dt>Request id <dd>{{ request.headers.get('X-Request-ID', 'none') }}
</dl>
<p>Also: <a href="/echo">/echo</a>, <a href="/events">/events</a>, <a href="/slow">/slow</a>
<form action="/upload" method="post" enctype="multipart/form-data">
  <input type="file" name="file"> <button>Upload</button>
</form>
"""


@app.get("/")
def home():
    return render_template_string(HOME)


@app.get("/healthz")
def healthz():
    return jsonify(status="ok")


@app.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def echo():
    """What arrived, as the app understands it."""
    body = request.get_data()
    return jsonify(
        method=request.method,
        url=request.url,
        client=request.remote_addr,
        headers=[[name, value] for name, value in request.headers],
        body_bytes=len(body),
        body_sha256=hashlib.sha256(body).hexdigest(),
    )


@app.get("/events")
def events():
    """Server-sent events, one each interval: ?count=10&interval=1"""
    count = min(request.args.get("count", 10, type=int), MAXIMUM_EVENTS)
    interval = bounded_wait(request.args.get("interval", 1.0, type=float))

    def stream():
        for number in range(count):
            if number:
                time.sleep(interval)
            yield f"id: {number}\ndata: {time.time():.3f}\n\n"

    return Response(stream(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


@app.route("/upload", methods=["POST", "PUT"])
def upload():
    """Reads a body of any size piece by piece; a form's file is taken out of the form."""
    file = request.files.get("file") if request.mimetype == "multipart/form-data" else None
    source = file.stream if file else request.stream
    digest, size = hashlib.sha256(), 0
    while piece := source.read(256 * 1024):
        digest.update(piece)
        size += len(piece)
    return jsonify(bytes=size, sha256=digest.hexdigest())


@app.get("/slow")
def slow():
    """Answers after ?seconds=2."""
    seconds = bounded_wait(request.args.get("seconds", 2.0, type=float))
    time.sleep(seconds)
    return jsonify(waited=seconds)


def bounded_wait(seconds):
    # Written so that NaN, which compares false with everything, becomes 0.
    return min(seconds, MAXIMUM_WAIT_SECONDS) if seconds > 0 else 0.0
