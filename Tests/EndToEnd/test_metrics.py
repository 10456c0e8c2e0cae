"""/metrics as Prometheus reads it, and what is counted."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from support.waiting import free_port, until
from support.wire import get


def samples(gateway):
    return [sample for family in prometheus(gateway.metrics()) for sample in family.samples]


def total(gateway, name_part, **labels):
    """The sum of the samples whose name holds a part and whose labels have these values."""
    return sum(
        sample.value for sample in samples(gateway)
        if name_part in sample.name and all(sample.labels.get(k) == v for k, v in labels.items()))


def test_prometheus_text_parses_and_has_help_for_all(gateway, origin):
    gateway.start_before(origin.address)
    for number in range(5):
        gateway.get(f"/{number}")
    families = list(prometheus(gateway.metrics()))
    assert len(families) > 10
    for family in families:
        assert family.documentation, family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
    names = [sample.name for family in families for sample in family.samples]
    assert "process_resident_memory_bytes" in names
    assert "process_open_fds" in names


def test_openmetrics_when_asked_for(gateway, origin):
    gateway.start_before(origin.address)
    gateway.get()
    response = get(gateway.metrics_port, "/metrics",
                   Accept="application/openmetrics-text; version=1.0.0")
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    assert len(list(openmetrics(response.text))) > 10


def test_histograms_are_cumulative_and_complete(gateway, origin):
    gateway.start_before(origin.address)
    for _ in range(10):
        gateway.get()
    found = 0
    for family in prometheus(gateway.metrics()):
        if family.type != "histogram":
            continue
        series = {}
        for sample in family.samples:
            labels = tuple(sorted((k, v) for k, v in sample.labels.items() if k != "le"))
            series.setdefault(labels, {})[sample.name.removeprefix(family.name),
                                          sample.labels.get("le")] = sample.value
        for values in series.values():
            buckets = sorted((float(le), value) for (kind, le), value in values.items()
                             if kind == "_bucket")
            counts = [value for _, value in buckets]
            assert counts == sorted(counts)
            assert buckets[-1] == (float("inf"), values["_count", None])
            found += 1
    assert found


def test_requests_are_counted_once_by_method_and_status(gateway, make_origin):
    def script(connection):
        while (request := connection.next_request()) is not None:
            connection.respond(status="404 Not Found" if request.target == "/no" else "200 OK")

    gateway.start_before(make_origin(script).address)
    for _ in range(7):
        gateway.get("/yes")
    for _ in range(3):
        gateway.get("/no")

    def counted():
        return [
            sum(s.value for s in samples(gateway)
                if s.name.endswith("requests_total") and s.labels.get("method") == "GET"
                and "upstream" not in s.labels
                and any(v.startswith(status) for k, v in s.labels.items() if "status" in k
                        or k == "code"))
            for status in ("2", "4")]

    until(lambda: counted() == [7, 3], "7 good and 3 missing requests in the metrics")


def test_rejected_requests_are_counted_by_reason(gateway, origin):
    gateway.start_before(origin.address)
    before = total(gateway, "rejected")
    with gateway.client() as client:
        client.send("GET / HTTP/1.1\r\n\r\n")
        assert client.read_response().status == 400
    until(lambda: total(gateway, "rejected") == before + 1, "the rejected request in the metrics")


def test_what_clients_make_up_is_never_a_label(gateway, origin):
    gateway.start_before(origin.address)
    for number in range(20):
        with gateway.client() as client:
            client.send(f"MADEUP{number} /path{number} HTTP/1.1\r\nHost: host{number}.example\r\n"
                        "X: y\r\n\r\n")
            client.read_response()
    text = gateway.metrics()
    for word in ("MADEUP", "/path", "host1.example"):
        assert word not in text


def test_failures_of_the_upstream_are_counted_by_reason(gateway):
    gateway.start_before(f"127.0.0.1:{free_port()}")
    gateway.get()
    until(lambda: any("fail" in s.name and "upstream" in s.name and s.value >= 1
                      and any("refused" in v or "connect" in v for v in s.labels.values())
                      for s in samples(gateway)), "the refused connection in the metrics")


def test_connections_and_requests_in_flight_go_back_to_zero(gateway, origin):
    gateway.start_before(origin.address)
    for _ in range(10):
        gateway.get()
    until(lambda: all(s.value == 0 for s in samples(gateway) if "in_flight" in s.name),
          "nothing to be in flight")
    assert any("in_flight" in s.name for s in samples(gateway))


def test_other_paths_of_the_metrics_listener(gateway, origin):
    gateway.start_before(origin.address)
    assert get(gateway.metrics_port, "/livez").status == 200
    # It listens a moment before it says that it is ready.
    until(lambda: get(gateway.metrics_port, "/readyz").status == 200, "readiness")
    assert get(gateway.metrics_port, "/nothing").status == 404
    assert origin.requests == []
