import Testing

@testable import Proxy

/// A request that may change something, its response, and which of `/a` and `/b` survive it.
private struct Row: CustomTestStringConvertible, Sendable {
    var method: String
    var status = "200 OK"
    var field = "X: y"
    var keepsA = false
    var keepsB = true
    var testDescription: String { "\(method) \(status), \(field)" }
}

private let rows: [Row] = [
    // Each unsafe method, known or not.
    Row(method: "POST"), Row(method: "PUT"), Row(method: "DELETE"), Row(method: "PATCH"),
    Row(method: "M-SEARCH"), Row(method: "WHATEVER"),
    // Safe ones change nothing, whatever they bring.
    Row(method: "HEAD", keepsA: true), Row(method: "OPTIONS", keepsA: true),
    Row(method: "OPTIONS", field: "Location: /b", keepsA: true),
    // Each class of status: only what succeeded has changed something.
    Row(method: "POST", status: "201 Created"), Row(method: "POST", status: "204 No Content"),
    Row(method: "POST", status: "303 See Other"), Row(method: "PUT", status: "307 Temporary"),
    Row(method: "POST", status: "400 Bad", keepsA: true),
    Row(method: "DELETE", status: "404 Not Found", keepsA: true),
    Row(method: "POST", status: "409 Conflict", field: "Location: /b", keepsA: true),
    Row(method: "POST", status: "500 Broken", keepsA: true),
    Row(method: "DELETE", status: "405 Not Allowed", keepsA: true),
    Row(method: "PUT", status: "412 Precondition Failed", keepsA: true),
    Row(method: "M-SEARCH", status: "503 Busy", field: "Location: /b", keepsA: true),
    Row(method: "PUT", status: "299 X"), Row(method: "PUT", status: "399 X"),
    Row(method: "PUT", status: "499 X", keepsA: true),
    Row(method: "PUT", status: "503 Busy", field: "Content-Location: /b", keepsA: true),
    // What the response names besides, within the origin.
    Row(method: "POST", field: "Location: /b", keepsB: false),
    Row(method: "POST", status: "303 See Other", field: "Location: http://a/b", keepsB: false),
    Row(method: "PUT", field: "Content-Location: /b", keepsB: false),
    Row(method: "DELETE", field: "Content-Location: b", keepsB: false),
    Row(method: "M-SEARCH", field: "Location: ./b", keepsB: false),
    Row(method: "POST", field: "Location: //a/b", keepsB: false),
    Row(method: "POST", field: "Location: x/../b#top", keepsB: false),
    Row(method: "POST", field: "Location: http://a:80/b", keepsB: false),
    Row(method: "POST", field: "Location: http://A/b", keepsB: false),
    Row(method: "PUT", field: "Location: /b", keepsB: false),
    Row(method: "DELETE", field: "Location: /b", keepsB: false),
    Row(method: "PATCH", field: "Content-Location: /b", keepsB: false),
    // Not beyond it, and not what is no reference.
    Row(method: "POST", field: "Location: http://other/b"),
    Row(method: "POST", field: "Location: https://a/b"),
    Row(method: "POST", field: "Location: http://a:81/b"),
    Row(method: "POST", field: "Content-Location: http://a.example/b"),
    Row(method: "POST", field: "Location: "),
    Row(method: "POST", field: "Location: /b?x=1"),
]

@Suite("RFC 9111 §4.4 invalidation")
struct InvalidationTests {
    @Test("by method, status, Location and Content-Location", arguments: rows)
    private func invalidation(_ row: Row) throws {
        try simulate("site * { listen $site; cache; proxy $server }") { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET /a HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            for path in ["/a", "/b"] {
                if path == "/b" { try await client.send("GET /b HTTP/1.1", "Host: a") }
                try await origin.gets("GET \(path) HTTP/1.1")
                try await origin.send(
                    "HTTP/1.1 200 OK",
                    "Cache-Control: max-age=60",
                    "ETag: \"1\"",
                    "Content-Length: 2",
                    body: "ok"
                )
                try await client.gets("HTTP/1.1 200 OK", body: "ok")
            }
            // A HEAD is answered from what is stored unless it asks for more.
            try await client.send(
                "\(row.method) /a HTTP/1.1",
                "Host: a",
                "Cache-Control: no-cache"
            )
            try await origin.gets("\(row.method) /a HTTP/1.1")
            let hasLength = row.method != "HEAD" && !row.status.hasPrefix("204")
            try await origin.send(
                "HTTP/1.1 \(row.status)",
                row.field,
                hasLength ? "Content-Length: 0" : "ETag: \"1\""
            )
            try await client.gets("HTTP/1.1 \(row.status)")
            for (path, isKept) in [("/a", row.keepsA), ("/b", row.keepsB)] {
                try await client.send(
                    "GET \(path) HTTP/1.1",
                    "Host: a",
                    "Cache-Control: only-if-cached"
                )
                let head = try await client.anyHead()
                try await client.skipBody(head)
                #expect(head.first?.hasPrefix(isKept ? "HTTP/1.1 200" : "HTTP/1.1 504") == true)
            }
        }
    }
}
