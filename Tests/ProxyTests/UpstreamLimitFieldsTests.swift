import HTTP
import Testing

@testable import Proxy

/// What an application sends, and what of it the client gets beside the gateway's own.
private struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var headers = ""
    /// Requests before, so that less is left.
    var before = 0
    let sent: [String]
    let expected: [String]
}

private let policy = "RateLimit-Policy: \"ten\";q=10;w=60"

@Suite("RateLimit fields of the application beside the gateway's own")
struct UpstreamLimitFieldsTests {
    private static let cases = [
        Case(
            testDescription: "lists are sent as one",
            sent: ["RateLimit-Policy: \"app\";q=5;w=1", "RateLimit: \"app\";r=4;t=1"],
            expected: [
                policy + ", \"app\";q=5;w=1", "RateLimit: \"ten\";r=9;t=6, \"app\";r=4;t=1",
            ]
        ),
        Case(
            testDescription: "several lines, commas in names",
            sent: ["RateLimit: \"a,b\";r=4, \"c\\\"d\";r=3", "RateLimit: \"e\";r=1"],
            expected: [
                policy, "RateLimit: \"ten\";r=9;t=6, \"a,b\";r=4, \"c\\\"d\";r=3, \"e\";r=1",
            ]
        ),
        Case(
            testDescription: "a policy of the gateway's own name is the gateway's",
            sent: ["RateLimit-Policy: \"ten\";q=99;w=1, \"x\";q=1", "RateLimit: \"ten\";r=99"],
            expected: [policy + ", \"x\";q=1", "RateLimit: \"ten\";r=9;t=6"]
        ),
        Case(
            testDescription: "lists of older drafts, and what is none, are replaced",
            sent: ["RateLimit-Policy: 100;w=60", "RateLimit: limit=100, remaining=50"],
            expected: [policy, "RateLimit: \"ten\";r=9;t=6", "!RateLimit-Limit"]
        ),
        Case(
            testDescription: "a list that breaks off is replaced",
            sent: ["RateLimit: \"app\";r=4, \"open"],
            expected: [policy, "RateLimit: \"ten\";r=9;t=6"]
        ),
        Case(
            testDescription: "single fields that promise more are removed",
            sent: [
                "X-RateLimit-Limit: 100", "X-RateLimit-Remaining: 99", "X-RateLimit-Reset: 1",
                "RateLimit-Limit: 100", "RateLimit-Remaining: 9", "RateLimit-Reset: 30",
            ],
            expected: [
                policy, "RateLimit: \"ten\";r=9;t=6", "!X-RateLimit-Limit",
                "!X-RateLimit-Remaining", "!X-RateLimit-Reset", "!RateLimit-Limit",
                "!RateLimit-Remaining", "!RateLimit-Reset",
            ]
        ),
        Case(
            testDescription: "single fields that say less stay",
            sent: ["X-RateLimit-Limit: 5", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 77"],
            expected: [
                "X-RateLimit-Limit: 5", "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 77",
                policy, "RateLimit: \"ten\";r=9;t=6",
            ]
        ),
        Case(
            testDescription: "a remaining that is no number is no statement",
            sent: ["X-RateLimit-Remaining: few", "RateLimit-Remaining: -1"],
            expected: ["!X-RateLimit-Remaining", "!RateLimit-Remaining", policy]
        ),
        Case(
            testDescription: "legacy: the tighter one is told",
            headers: "legacy",
            sent: ["X-RateLimit-Limit: 5", "X-RateLimit-Remaining: 3", "X-RateLimit-Reset: 77"],
            expected: [
                "X-RateLimit-Limit: 5", "X-RateLimit-Remaining: 3", "X-RateLimit-Reset: 77",
                "!RateLimit",
            ]
        ),
        Case(
            testDescription: "legacy: the gateway's replace the application's",
            headers: "legacy",
            before: 7,
            sent: [
                "X-RateLimit-Limit: 5", "X-RateLimit-Remaining: 3", "X-RateLimit-Reset: 77",
                "RateLimit: \"app\";r=3", "RateLimit-Policy: \"app\";q=5",
            ],
            expected: [
                "X-RateLimit-Limit: 10", "X-RateLimit-Remaining: 2", "!RateLimit",
                "!RateLimit-Policy",
            ]
        ),
        Case(
            testDescription: "legacy: a list that says less stays",
            headers: "legacy",
            sent: ["RateLimit: \"a\";r=30, \"b\";t=1;r=2"],
            expected: ["RateLimit: \"a\";r=30, \"b\";t=1;r=2", "X-RateLimit-Remaining: 9"]
        ),
        Case(
            testDescription: "off: the application's pass as they are",
            headers: "off",
            sent: ["X-RateLimit-Remaining: 99", "RateLimit: \"ten\";r=77"],
            expected: ["X-RateLimit-Remaining: 99", "RateLimit: \"ten\";r=77"]
        ),
        Case(
            testDescription: "Retry-After is the application's to say",
            sent: ["Retry-After: 7"],
            expected: ["Retry-After: 7", policy]
        ),
    ]

    @Test("Never two that contradict each other", arguments: cases)
    private func merged(_ row: Case) throws {
        let headers = row.headers.isEmpty ? "" : "ratelimit_headers \(row.headers)"
        let text = """
            site * { listen $site; rate_limit 10/m name=ten; \(headers); proxy $server }
            """
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            var origin: Peer?
            for number in 0...row.before {
                try await client.send("GET / HTTP/1.1", "Host: a")
                let peer: Peer
                if let origin { peer = origin } else { peer = try await server.accept() }
                origin = peer
                try await peer.gets("GET / HTTP/1.1")
                let isLast = number == row.before
                let lines = ["HTTP/1.1 204 No Content"] + (isLast ? row.sent : [])
                try await peer.send(raw: lines.joined(separator: "\n") + "\n\n")
                try await client.gets(
                    lines: ["HTTP/1.1 204 No Content"] + (isLast ? row.expected : [])
                )
            }
        }
    }

    @Test("mode=observe tells nothing, so the application's pass")
    func observed() throws {
        let text = "site * { listen $site; rate_limit 10/m mode=observe; proxy $server }"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send("HTTP/1.1 204 No Content", "X-RateLimit-Remaining: 99")
            try await client.gets("HTTP/1.1 204 *", "X-RateLimit-Remaining: 99")
        }
    }

    @Test("What an application tells one client is not stored for others")
    func cached() throws {
        let text = "site * { listen $site; cache; proxy $server }"
        try simulate(text) { world in
            let server = try world.origin()
            let client = try await world.client()
            try await client.send("GET / HTTP/1.1", "Host: a")
            let origin = try await server.accept()
            try await origin.gets("GET / HTTP/1.1")
            try await origin.send(
                "HTTP/1.1 200 OK",
                "Cache-Control: max-age=60",
                "RateLimit: \"app\";r=3",
                "X-RateLimit-Remaining: 3",
                "X-Other: 1",
                "Content-Length: 2",
                body: "ok"
            )
            try await client.gets("HTTP/1.1 200 OK", "RateLimit: \"app\";r=3", body: "ok")
            try await client.send("GET / HTTP/1.1", "Host: a")
            try await client.gets(
                "HTTP/1.1 200 OK",
                "!RateLimit",
                "!X-RateLimit-Remaining",
                "X-Other: 1",
                body: "ok"
            )
        }
    }
}
