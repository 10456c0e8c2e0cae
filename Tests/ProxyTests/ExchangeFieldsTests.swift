import Addressing
import Bytes
import Configuration
import EventLoop
import Foundation
import HTTP
import HTTP1
import Telemetry
import Testing

@testable import Proxy

/// A stored property of `Exchange`: how to leave something in it, and how it looks.
private struct Field: Sendable {
    let name: String
    let poison: @Sendable (inout Exchange, World) throws -> Void
    let text: @Sendable (borrowing Exchange) -> String

    init(
        _ name: String,
        _ text: @escaping @Sendable (borrowing Exchange) -> String,
        _ poison: @escaping @Sendable (inout Exchange, World) throws -> Void
    ) {
        self.name = name
        self.poison = poison
        self.text = text
    }

    /// All that one request could leave to the next: a property of `Exchange` is here, or among
    /// those that stay.
    static let all: [Field] = [
        Field("connection", { "\(ObjectIdentifier($0.connection))" }) { _, _ in },
        Field("snapshot", { "\(ObjectIdentifier($0.snapshot))" }) { exchange, world in
            exchange.snapshot = ServingSnapshot(
                world.configuration,
                previous: nil,
                registry: SeriesRegistry(),
                logs: world.configuration.accessLogs.map { _ in nil },
                resolved: [:]
            )
        },
        Field("parser", { "\($0.parser)" }) { exchange, world in
            // As a head leaves it that never came to its end.
            _ = exchange.parser.parse(
                Array("GET /poison HTTP/1.1\r\nHost: pois".utf8).span,
                limits: world.context.snapshot.limits,
                into: &exchange.request
            )
        },
        Field("request", { shown($0.request) }) { exchange, world in
            var parser = RequestParser()
            let head = """
                POST http://poison:81/a?b HTTP/1.0\r
                Connection: keep-alive, upgrade\r
                Content-Length: 7\r
                Expect: 100-continue\r
                X-Poison: 1\r\n\r\n
                """
            _ = parser.parse(
                Array(head.utf8).span,
                limits: world.context.snapshot.limits,
                into: &exchange.request
            )
        },
        Field("output", { "\($0.output?.count ?? 0)" }) { exchange, world in
            let output = exchange.output ?? world.reactor.buffers.take()
            output.append("poison")
            exchange.output = output
        },
        Field("requestBody", { "\($0.requestBody)" }) { exchange, _ in
            exchange.requestBody.begin(.length(7), as: .chunked)
            exchange.requestBody.passed(3)
        },
        Field("content", { "\($0.content)" }) { exchange, world in
            exchange.content = .buffered(world.reactor.buffers.take())
        },
        Field("ahead", { "\($0.ahead == nil)" }) { exchange, world in
            exchange.ahead = world.reactor.buffers.take()
        },
        Field("sentContinue", { "\($0.sentContinue)" }) { exchange, _ in
            exchange.sentContinue = true
        },
        Field("route", { "\($0.route == nil)" }) { exchange, world in
            exchange.route = world.context.snapshot.routes[0][0]
        },
        Field("unrouted", { "\($0.unrouted == nil)" }) { exchange, world in
            exchange.unrouted = world.context.snapshot.sites[0]
        },
        Field("client", { "\($0.client)" }) { exchange, world in
            let rule = world.context.snapshot.topRule
            exchange.client = rule.start(
                peer: .ip(IPAddress(198, 51, 100, 7), port: 7),
                header: nil
            )
        },
        Field("scheme", { "\($0.scheme)" }) { exchange, _ in exchange.scheme = .https },
        Field("pathIsNormal", { "\($0.pathIsNormal)" }) { exchange, _ in
            exchange.pathIsNormal = false
        },
        Field("requestID", { "\($0.requestID)" }) { exchange, _ in
            exchange.requestID = .kept(Array("poison".utf8))
        },
        Field("limits", { "\($0.limits == nil)" }) { exchange, _ in
            exchange.limits = LimitTurn()
        },
        Field("upload", { "\($0.upload == nil)" }) { exchange, world in
            exchange.upload = world.reactor.buffers.take()
        },
        Field("fileOffset", { "\($0.fileOffset)" }) { exchange, _ in exchange.fileOffset = 7 },
        Field("uploadIsBroken", { "\($0.uploadIsBroken)" }) { exchange, _ in
            exchange.uploadIsBroken = true
        },
        Field("attempts", { "\($0.attempts)" }) { exchange, _ in exchange.attempts = 7 },
        Field("wasSentEarly", { "\($0.wasSentEarly)" }) { exchange, _ in
            exchange.wasSentEarly = true
        },
        Field("serverName", { "\($0.serverName)" }) { exchange, _ in
            exchange.serverName = Array("poison".utf8)
        },
        Field("caching", { "\($0.caching == nil)" }) { exchange, world in
            let cache = try #require(world.context.snapshot.routes[0][0].cache)
            exchange.caching = CacheTurn(
                cache,
                key: [7],
                hash: 7,
                purpose: .store,
                reason: .bypass,
                fields: exchange.request.fields,
                now: 7
            )
        },
        Field("coding", { shown($0.coding ?? ResponseCoding()) }) { exchange, _ in
            let coding = ResponseCoding()
            coding.belongsToSomebody = true
            coding.contentBytesSent = 7
            coding.readability = .never
            exchange.coding = coding
        },
        Field("progress", { "\($0.progress)" }) { exchange, _ in exchange.progress = .complete },
        Field("keepsConnection", { "\($0.keepsConnection)" }) { exchange, _ in
            exchange.keepsConnection = false
        },
        Field("times", { "\($0.times)" }) { exchange, _ in
            exchange.times.started = 7
            exchange.times.upstreamStarted = 7
            exchange.times.upstreamHead = 7
            exchange.times.upstreamEnded = 7
            exchange.times.firstByte = 7
            exchange.times.startedUnixMilliseconds = 7
        },
        Field("status", { "\($0.status)" }) { exchange, _ in exchange.status = 207 },
        Field("upstreamStatus", { "\($0.upstreamStatus)" }) { exchange, _ in
            exchange.upstreamStatus = 207
        },
        Field("bytesReceived", { "\($0.bytesReceived)" }) { exchange, _ in
            exchange.bytesReceived = 7
        },
        Field("bytesSent", { "\($0.bytesSent)" }) { exchange, _ in exchange.bytesSent = 7 },
        Field("headBytes", { "\($0.headBytes)" }) { exchange, _ in exchange.headBytes = 7 },
        Field("failureName", { "\($0.failureName ?? "none")" }) { exchange, _ in
            exchange.failureName = "poison"
        },
        Field("end", { "\($0.end)" }) { exchange, _ in exchange.end = .truncated },
    ]

    /// Those that stay as they are, and why nobody sees it.
    static let staying = [
        "context": "never changes",
        "gathering": "never changes; a wake while nobody waits is not kept",
        "response": "the parser empties it before the first byte, and it is read behind that only",
        "responseBody": "begins with each response of an upstream, and is read behind that only",
        "spareTurn": "emptied before it comes here",
        "normalizedPath": "read only where pathIsNormal is false, for which it has been written",
        "upstream": "whoever takes one gives it back, also where the exchange fails",
    ]
}

/// What a head says, whatever memory it holds.
private func shown(_ head: RequestHead) -> String {
    var parts = [
        "\(head.method)", "\(head.version)", "\(head.targetForm)", "\(head.framing)",
        "\(head.keepAlive)", "\(head.upgradeRequested)", "\(head.expectContinue)",
        "\(head.hasQuery)", "\(head.port.map(String.init) ?? "none")",
    ]
    for bytes in [
        head.methodBytes.bytes(), head.target.bytes(), head.path.bytes(), head.query.bytes(),
        head.authority.bytes(), head.host.bytes(),
    ] {
        parts.append(String(decoding: bytes, as: UTF8.self))
    }
    for index in head.fields.indices {
        parts.append(String(decoding: head.fields.value(at: index).bytes(), as: UTF8.self))
    }
    return parts.joined(separator: "|")
}

/// All stored properties of an object, also those that are added later.
private func shown(_ object: AnyObject) -> String {
    Mirror(reflecting: object).children.map { "\($0.label ?? ""): \($0.value)" }
        .joined(separator: ", ")
}

@Suite("What an exchange leaves to the next")
struct ExchangeFieldsTests {
    @Test("Every stored property of Exchange is looked at here")
    func allFields() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../Sources/Proxy/Exchange.swift")
        let text = try String(contentsOf: path, encoding: .utf8)
        var names: [String] = []
        for line in text.split(separator: "\n") {
            if line == "}" { break }
            // Members stand at four spaces; a property that is computed opens a brace.
            let declaration = /\ {4}(?:private\(set\) )?(?:var|let) (\w+)/
            guard let match = line.prefixMatch(of: declaration), !line.hasSuffix("{") else {
                continue
            }
            names.append(String(match.1))
        }
        #expect(names.sorted() == (Field.all.map(\.name) + Field.staying.keys).sorted())
    }

    @Test("Nothing of a request is left for the next, on this connection or another")
    func isForgotten() throws {
        let text = "site * { listen $site; cache ttl=1m; proxy $server }"
        try simulate(text) { world in
            let context = world.context
            func connect() -> ClientConnection {
                let connection = ClientConnection(
                    stream: EventLoop.Stream(toNobodyOn: context.reactor),
                    local: .ip(.loopbackIPv4, port: 80),
                    listener: ListenerIdentity(
                        address: .ip(.loopbackIPv4, port: 80),
                        proxyProtocol: false
                    ),
                    peer: .ip(.loopbackIPv4, port: 4000),
                    now: context.reactor.now
                )
                context.connectionCount += 1
                return connection
            }
            func receive(_ exchange: inout Exchange) async {
                let input = context.reactor.buffers.take()
                input.append("GET /next HTTP/1.1\r\nHost: next\r\n\r\n")
                exchange.connection.input = input
                guard case .request = await exchange.receive() else {
                    Issue.record("a good request was not taken")
                    return
                }
                exchange.begin()
            }
            func finish(_ exchange: inout Exchange) {
                exchange.finishConnection()
                exchange.record()
                exchange.releaseBuffers()
            }
            let (first, second) = (connect(), connect())
            for next in [second, first] {
                var fresh = Exchange(context: context, connection: next)
                await receive(&fresh)
                let expected = Field.all.map { $0.text(fresh) }
                finish(&fresh)
                fresh.gathering.retire()

                var exchange = Exchange(context: context, connection: first)
                await receive(&exchange)
                let usual = Field.all.map { $0.text(exchange) }
                for field in Field.all { try field.poison(&exchange, world) }
                for (field, text) in zip(Field.all, usual) where field.name != "connection" {
                    #expect(field.text(exchange) != text, "\(field.name) is not poisoned")
                }
                finish(&exchange)
                if next !== first { exchange.turn(to: next) }
                await receive(&exchange)
                for (field, text) in zip(Field.all, expected) {
                    // On the same connection it is found anew with the route.
                    if field.name == "client", next === first { continue }
                    #expect(field.text(exchange) == text, "\(field.name)")
                }
                finish(&exchange)
                exchange.gathering.retire()
            }
            for connection in [first, second] {
                connection.stream.close()
                context.connectionCount -= 1
            }
        }
    }
}
