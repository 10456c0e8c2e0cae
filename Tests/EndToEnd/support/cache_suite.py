"""Runs the caching behaviours of http-tests/cache-tests, which come as data, against a proxy.

An origin plays its part of each test, a client plays the other, and what both saw is compared with
what the test expects. Tests run side by side, as most of each is waiting; but few send at once, as
what a test stores for two seconds has to be asked for within them, on a slow machine too.
"""

import asyncio
import email.utils
import json
import time

PAUSE_SECONDS = 3
TIMEOUT_SECONDS = 20
# Tests that do anything but wait.
AT_ONCE = 8
DATES = {"date", "expires", "last-modified", "if-modified-since", "if-unmodified-since"}


class Failed(Exception):
    """The proxy did something else than the test expects."""


class CouldNotRun(Exception):
    """A request that only prepares the test went wrong."""


def http_date(seconds, rfc850=False):
    if rfc850:
        return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(seconds))
    return email.utils.formatdate(seconds, usegmt=True)


class Message:
    def __init__(self, start, fields, body):
        self.start = start
        self.fields = fields
        self.body = body

    def values(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def value(self, name):
        found = self.values(name)
        return ", ".join(found) if found else None

    @property
    def status(self):
        return int(self.start.split()[1])


async def read_head(reader):
    lines = []
    while True:
        line = await reader.readline()
        if not line:
            raise EOFError
        line = line.rstrip(b"\r\n").decode("latin-1")
        if not line:
            if lines:
                break
            continue
        lines.append(line)
    fields = [line.split(":", 1) for line in lines[1:]]
    return lines[0], [(name, value.strip()) for name, value in fields]


async def read_body(reader, message, has_none=False, until_close=True):
    if has_none:
        return b""
    if (length := message.value("content-length")) is not None:
        return await reader.readexactly(int(length))
    if "chunked" in (message.value("transfer-encoding") or ""):
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        while (await reader.readline()).strip():
            pass
        return body
    return await reader.read() if until_close else b""


class Run:
    """One test while it runs."""

    def __init__(self, test, number):
        self.test = test
        self.path = f"/{number}-{test['id']}"
        self.seen = []
        self.previous_modified = None

    # The origin's part

    def date(self, name, value, config, base):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            if name.lower() in DATES:
                return http_date(base + value, name.lower() in config.get("rfc850date", []))
            return str(value)
        return value

    def response(self, number, request, authority):
        config = self.test["requests"][number - 1]
        base = int(time.time())
        status = config.get("response_status") or [200, "OK"]
        if config.get("expected_type", "").endswith("validated") and number > 1:
            earlier = self.test["requests"][number - 2].get("response_headers", [])
            tags = [field[1] for field in earlier if field[0].lower() == "etag"]
            modified = self.previous_modified
            if tags and request.value("if-none-match") == tags[0]:
                status = [304, "Not Modified"]
            elif modified and request.value("if-modified-since") == modified:
                status = [304, "Not Modified"]
            else:
                status = [599, "304 Not Generated"]
        fields = [
            ("Server-Request-Count", str(len(self.seen))),
            ("Client-Request-Count", str(number)),
            ("Server-Now", str(base)),
        ]
        for field in config.get("response_headers", []):
            name, value = field[0], self.date(field[0], field[1], config, base)
            if config.get("magic_locations") and name.lower() in ("location", "content-location"):
                value = f"http://{authority}{self.path}" + (f"/{value}" if value else "")
            if name.lower() == "last-modified":
                self.previous_modified = value
            fields.append((name, value))
        body = config.get("response_body", self.test["id"])
        return status, fields, (body or "").encode(), config

    async def answer(self, request, writer):
        number = int(request.value("req-num") or 1)
        self.seen.append((number, request))
        authority = request.value("x-forwarded-host") or request.value("host")
        status, fields, body, config = self.response(number, request, authority)
        if config.get("response_pause"):
            await asyncio.sleep(config["response_pause"])
        if config.get("disconnect"):
            return False
        for interim in config.get("interim_responses", []):
            head = f"HTTP/1.1 {interim[0]} Interim\r\n"
            for name, value in interim[1] if len(interim) > 1 else []:
                head += f"{name}: {value}\r\n"
            writer.write((head + "\r\n").encode("latin-1"))
        names = [name.lower() for name, _ in fields]
        has_content = status[0] not in (204, 304)
        if has_content and "content-length" not in names and "transfer-encoding" not in names:
            fields.append(("Content-Length", str(len(body))))
        if "content-length" in names:
            length = int(dict((n.lower(), v) for n, v in fields)["content-length"])
            body = (body + b"x" * length)[:length]
        head = f"HTTP/1.1 {status[0]} {status[1]}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields)
        writer.write(head.encode("latin-1") + b"\r\n")
        if has_content and not request.start.startswith("HEAD "):
            writer.write(body)
        await writer.drain()
        return "transfer-encoding" not in names

    # The client's part

    async def ask(self, number, port):
        config = self.test["requests"][number - 1]
        base = int(time.time())
        method = config.get("request_method", "GET")
        target = self.path
        if config.get("filename"):
            target += f"/{config['filename']}"
        if config.get("query_arg"):
            target += f"?{config['query_arg']}"
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Req-Num: {number}"]
        for name, value in config.get("request_headers", []):
            if name.lower() == "if-modified-since" and config.get("magic_ims"):
                modified = email.utils.parsedate_to_datetime(self.previous_modified).timestamp()
                offset = value - self.last_modified_offset()
                value = http_date(modified + offset, name.lower() in config.get("rfc850date", []))
            lines.append(f"{name}: {self.date(name, value, config, base)}")
        body = (config.get("request_body") or "").encode()
        if body:
            lines.append(f"Content-Length: {len(body)}")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
            interim = []
            while True:
                start, fields = await read_head(reader)
                message = Message(start, fields, b"")
                if message.status >= 200:
                    break
                interim.append(message)
            none = method == "HEAD" or message.status in (204, 304)
            message.body = await read_body(reader, message, none)
            return message, interim
        finally:
            writer.close()

    def last_modified_offset(self):
        for request in self.test["requests"]:
            for field in request.get("response_headers", []):
                if field[0].lower() == "last-modified" and isinstance(field[1], (int, float)):
                    return field[1]
        return 0

    async def play(self, port, gate):
        """Sends all requests. The caller has taken the place at the gate, and gives it back."""
        for number, config in enumerate(self.test["requests"], 1):
            error = CouldNotRun if config.get("setup") else Failed
            try:
                response, interim = await asyncio.wait_for(self.ask(number, port), TIMEOUT_SECONDS)
            except (EOFError, OSError, asyncio.TimeoutError) as problem:
                if config.get("disconnect") and config.get("expected_status", 200) is None:
                    continue
                raise error(f"request {number}: {problem!r}") from problem
            try:
                self.check(number, config, response, interim)
            except Failed as problem:
                raise error(f"request {number}: {problem}") from problem
            if config.get("pause_after"):
                gate.release()
                try:
                    await asyncio.sleep(PAUSE_SECONDS)
                finally:
                    await gate.acquire()
        for number, config in enumerate(self.test["requests"], 1):
            self.check_request(number, config)

    # What is expected

    def check(self, number, config, response, interim):
        def expect(condition, what):
            if not condition:
                raise Failed(what)

        asked = response.value("server-request-count")
        kind = config.get("expected_type")
        if kind == "cached" and not (response.status == 304 and asked is None):
            expect(asked is not None and int(asked) < number, "does not come from the cache")
        if kind == "not_cached":
            expect(asked is not None and int(asked) == number, "comes from the cache")
        if "expected_status" in config:
            if config["expected_status"] is not None:
                expect(response.status == config["expected_status"], f"status {response.status}")
        elif "response_status" in config:
            expect(response.status == config["response_status"][0], f"status {response.status}")
        else:
            expect(response.status == 200, f"status {response.status}")
        for field in config.get("response_headers", []):
            if len(field) > 2 and field[2] is False or not isinstance(field[1], str):
                continue
            if asked is None or int(asked) != number or config.get("magic_locations"):
                continue
            expect(field[1] in response.values(field[0]) or response.value(field[0]) == field[1],
                   f"{field[0]} is {response.value(field[0])!r}, not {field[1]!r}")
        self.check_fields(config, response, expect)
        self.check_interim(config, interim, expect)
        self.check_body(config, response, expect)

    def check_fields(self, config, response, expect):
        for field in config.get("expected_response_headers", []):
            if isinstance(field, str):
                expect(response.value(field) is not None, f"{field} is missing")
                continue
            name, value = field[0], response.value(field[0])
            expect(value is not None, f"{name} is missing")
            if len(field) > 2 and field[1] == "=":
                expect(value == response.value(field[2]), f"{name} is not {field[2]}")
            elif len(field) > 2 and field[1] == ">":
                expect(int(value) > int(field[2]), f"{name} is {value}")
            else:
                base = int(response.value("server-now") or 0)
                wanted = self.date(name, field[1], config, base)
                expect(value == wanted or wanted in response.values(name),
                       f"{name} is {value!r}, not {wanted!r}")
        for field in config.get("expected_response_headers_missing", []):
            if isinstance(field, str):
                expect(response.value(field) is None, f"{field} is there")
            else:
                expect(field[1] not in (response.value(field[0]) or ""), f"{field[0]} is there")

    def check_interim(self, config, interim, expect):
        if "expected_interim_responses" not in config:
            return
        wanted = config["expected_interim_responses"]
        expect([m.status for m in interim] == [w[0] for w in wanted],
               f"interim responses {[m.status for m in interim]}")
        for message, want in zip(interim, wanted):
            for name, value in want[1] if len(want) > 1 else []:
                expect(message.value(name) == value, f"interim {name} is {message.value(name)}")

    def check_body(self, config, response, expect):
        if config.get("check_body") is False:
            return
        if "expected_response_text" in config:
            wanted = config["expected_response_text"]
        elif "response_body" in config:
            wanted = config["response_body"]
        elif config.get("request_method") == "HEAD" or response.status in (204, 304):
            return
        else:
            wanted = self.test["id"]
        if wanted is not None:
            text = response.body.decode("latin-1")
            expect(text == wanted, f"content {text[:60]!r}, not {wanted!r}")

    def check_request(self, number, config):
        requests = [request for asked, request in self.seen if asked == number]
        kind = config.get("expected_type", "")
        needed = [name for name in ("expected_method", "expected_request_headers",
                                    "expected_request_headers_missing") if name in config]
        if not needed and not kind.endswith("validated"):
            return
        if not requests:
            raise Failed(f"request {number} did not reach the origin")
        request = requests[0]
        if kind == "etag_validated" and request.value("if-none-match") is None:
            raise Failed(f"request {number} has no If-None-Match")
        if kind == "lm_validated" and request.value("if-modified-since") is None:
            raise Failed(f"request {number} has no If-Modified-Since")
        if "expected_method" in config and request.start.split()[0] != config["expected_method"]:
            raise Failed(f"request {number} is {request.start}")
        for field in config.get("expected_request_headers", []):
            name = field if isinstance(field, str) else field[0]
            value = request.value(name)
            if value is None or not isinstance(field, str) and value != field[1]:
                raise Failed(f"request {number}: {name} is {value!r}")
        for field in config.get("expected_request_headers_missing", []):
            name = field if isinstance(field, str) else field[0]
            if request.value(name) is not None:
                raise Failed(f"request {number} has {name}")


class SuiteOrigin:
    """Plays the origin's part of all tests."""

    def __init__(self):
        self.runs = {}

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        return self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while True:
                start, fields = await read_head(reader)
                request = Message(start, fields, b"")
                request.body = await read_body(reader, request, until_close=False)
                run = self.runs["/" + start.split()[1].split("?")[0].split("/")[1]]
                if not await run.answer(request, writer):
                    break
        except (EOFError, OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def run_suite(tests, start_proxy):
    """Runs tests.

    `start_proxy` is told the origin's port and returns the proxy's.
    Returns what became of each: None, or why it failed.
    """
    origin = SuiteOrigin()
    port = start_proxy(await origin.start())
    outcomes = {}
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(run):
        try:
            await run.play(port, gate)
            outcomes[run.test["id"]] = None
        except CouldNotRun as problem:
            outcomes[run.test["id"]] = f"setup: {problem}"
        except Failed as problem:
            outcomes[run.test["id"]] = str(problem)
        finally:
            gate.release()

    runs = [Run(test, number) for number, test in enumerate(tests)]
    for run in runs:
        origin.runs[run.path] = run
    async with asyncio.TaskGroup() as group:
        for run in runs:
            # One alone waits to begin, so those that go on wait behind no more than that.
            await gate.acquire()
            group.create_task(one(run))
    return outcomes


def load(path):
    """The tests for a proxy, with their suite."""
    suites = json.loads(path.read_text())["suites"]
    return [
        {**test, "suite": suite["id"], "kind": test.get("kind", "required")}
        for suite in suites
        for test in suite["tests"]
        if not test.get("browser_only")
    ]


def passed(test, outcomes, tests):
    """Whether a test passed, and all that it depends on."""
    if outcomes[test["id"]] is not None:
        return False
    return all(
        outcomes.get(name) is None
        for name in test.get("depends_on", [])
        if name in tests
    )
