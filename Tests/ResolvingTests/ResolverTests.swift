import Addressing
import Foundation
import Testing

@testable import Resolving

private func ip(_ text: String) -> IPAddress {
    IPAddress(text) ?? IPAddress(high: .max, low: .max)
}

/// Runs a name server while a test runs.
private func withServer(
    _ answers: [String: NameServer.Answer],
    _ body: (NameServer) async throws -> Void
) async throws {
    let server = try NameServer(answers)
    let thread = Thread { server.serve() }
    thread.start()
    defer { server.stop() }
    try await body(server)
}

/// Reports of one name, in order.
private struct Reports: Sendable {
    let stream: AsyncStream<Resolution>
    let sink: AsyncStream<Resolution>.Continuation
    init() { (stream, sink) = AsyncStream.makeStream() }
}

/// Limits of a test whose server answers everything, as late as a busy machine lets it.
private func patient() -> ResolverLimits {
    var limits = quick()
    limits.queryTimeoutMilliseconds = 20_000
    return limits
}

/// Limits of a test that waits for what is never answered.
private func quick() -> ResolverLimits {
    var limits = ResolverLimits()
    limits.queryTimeoutMilliseconds = 60
    limits.tries = 1
    // Long pauses: a test that goes on does so by `refreshNow`, not by time.
    limits.firstRetryDelay = 600_000_000_000
    limits.maximumRetryDelay = 600_000_000_000
    return limits
}

@Suite("c-ares against a name server of the test's own", .timeLimit(.minutes(1)))
struct ResolverTests {
    @Test("reports A and AAAA, then each change, keeps the last good answer, and recovers")
    func changes() async throws {
        let both = [ip("192.0.2.1"), ip("2001:db8::1")]
        try await withServer(["app.test": .addresses(both.reversed(), ttl: 200)]) { server in
            let resolver = try Resolver(servers: server.servers, limits: patient())
            defer { resolver.shutdown() }
            let reports = Reports()
            _ = resolver.watch("app.test") { reports.sink.yield($0) }
            var next = reports.stream.makeAsyncIterator()

            guard case .resolved(both, let since, 200_000_000_000) = await next.next() else {
                Issue.record("no first answer")
                return
            }
            #expect(server.queries.sorted() == ["app.test A", "app.test AAAA"])

            server.set("app.test", .addresses([ip("192.0.2.2")], ttl: 1))
            resolver.refreshNow()
            guard case .resolved([ip("192.0.2.2")], let later, 1_000_000_000) = await next.next()
            else {
                Issue.record("no second answer")
                return
            }
            #expect(later > since)

            server.set("app.test", .code(3))
            resolver.refreshNow()
            #expect(
                await next.next()
                    == .stale([ip("192.0.2.2")], since: later, because: .notFound)
            )

            server.set("app.test", .addresses([ip("192.0.2.2")], ttl: 60))
            resolver.refreshNow()
            #expect(
                await next.next()
                    == .resolved([ip("192.0.2.2")], since: later, timeToLive: 60_000_000_000)
            )
        }
    }

    struct Failure: CustomTestStringConvertible, Sendable {
        let name: String
        let answer: NameServer.Answer
        let error: ResolutionError
        var testDescription: String { name }
    }

    @Test(
        "says why a name has no address",
        arguments: [
            Failure(name: "NXDOMAIN", answer: .code(3), error: .notFound),
            Failure(name: "NODATA", answer: .addresses([], ttl: 5), error: .noAddress),
            Failure(name: "SERVFAIL", answer: .code(2), error: .serverFailure),
            Failure(name: "REFUSED", answer: .code(5), error: .serverFailure),
            Failure(name: "silence", answer: .silence, error: .timeout),
            Failure(name: "garbage", answer: .garbage, error: .timeout),
        ]
    )
    func failures(_ row: Failure) async throws {
        let limits = row.error == .timeout ? quick() : patient()
        try await withServer(["app.test": row.answer]) { server in
            let resolver = try Resolver(servers: server.servers, limits: limits)
            defer { resolver.shutdown() }
            let reports = Reports()
            _ = resolver.watch("app.test") { reports.sink.yield($0) }
            var next = reports.stream.makeAsyncIterator()
            #expect(await next.next() == .neverResolved(row.error))
            #expect(throws: row.error) {
                try Resolver.resolveOnce(
                    "app.test",
                    timeout: 30_000_000_000,
                    servers: server.servers,
                    limits: limits
                )
            }
        }
    }

    @Test("asks again by itself when the TTL has ended")
    func byTTL() async throws {
        try await withServer(["app.test": .addresses([ip("192.0.2.1")], ttl: 0)]) { server in
            var limits = patient()
            // Waited for at the end, and not to be met before.
            limits.queryTimeoutMilliseconds = 2000
            limits.minimumTTL = 1_000_000
            let resolver = try Resolver(servers: server.servers, limits: limits)
            defer { resolver.shutdown() }
            let reports = Reports()
            _ = resolver.watch("app.test") { reports.sink.yield($0) }
            var next = reports.stream.makeAsyncIterator()
            #expect(await next.next()?.addresses == [ip("192.0.2.1")])
            server.set("app.test", .addresses([ip("192.0.2.7")], ttl: 0))
            #expect(await next.next()?.addresses == [ip("192.0.2.7")])
            server.set("app.test", .silence)
            let last = await next.next()
            guard case .stale([ip("192.0.2.7")], _, .timeout) = last else {
                Issue.record("not stale: \(String(describing: last))")
                return
            }
        }
    }

    @Test("asks again by itself after a failure")
    func byRetry() async throws {
        try await withServer(["app.test": .code(2)]) { server in
            var limits = patient()
            limits.firstRetryDelay = 1_000_000
            limits.maximumRetryDelay = 2_000_000
            let resolver = try Resolver(servers: server.servers, limits: limits)
            defer { resolver.shutdown() }
            let reports = Reports()
            _ = resolver.watch("app.test") { reports.sink.yield($0) }
            var next = reports.stream.makeAsyncIterator()
            #expect(await next.next() == .neverResolved(.serverFailure))
            server.set("app.test", .addresses([ip("192.0.2.1")], ttl: 60))
            #expect(await next.next()?.addresses == [ip("192.0.2.1")])
        }
    }

    @Test("localhost and addresses need no name server")
    func hosts() async throws {
        try await withServer([:]) { server in
            let resolver = try Resolver(servers: server.servers, limits: patient())
            defer { resolver.shutdown() }
            let reports = Reports()
            _ = resolver.watch("localhost") { reports.sink.yield($0) }
            var next = reports.stream.makeAsyncIterator()
            guard case .resolved(let addresses, _, 30_000_000_000) = await next.next() else {
                Issue.record("localhost is not resolved")
                return
            }
            #expect(addresses.allSatisfy(\.isLoopback) && addresses.contains(.loopbackIPv4))
            #expect(
                try Resolver.resolveOnce(
                    "192.0.2.7",
                    timeout: 5_000_000_000,
                    servers: server.servers
                )
                    == [ip("192.0.2.7")]
            )
            #expect(
                try Resolver.resolveOnce(
                    "2001:db8::7",
                    timeout: 5_000_000_000,
                    servers: server.servers
                )
                    == [ip("2001:db8::7")]
            )
            #expect(server.queries.isEmpty)
        }
    }

    @Test("resolveOnce gives the addresses in order, and gives up at its own limit")
    func once() async throws {
        let all = [ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1")]
        try await withServer([
            "app.test": .addresses([all[2], all[1], all[0]], ttl: 5), "silent.test": .silence,
        ]) { server in
            let found = try Resolver.resolveOnce(
                "app.test",
                timeout: 30_000_000_000,
                servers: server.servers
            )
            #expect(found == all)
            // The queries' own timeout would be 6 seconds.
            let start = ContinuousClock.now
            #expect(throws: ResolutionError.timeout) {
                try Resolver.resolveOnce(
                    "silent.test",
                    timeout: 50_000_000,
                    servers: server.servers
                )
            }
            let taken = start.duration(to: .now)
            #expect(taken >= .milliseconds(50) && taken < .seconds(5))
        }
    }

    @Test("watchers of one name share it; one that joins late is told what is known")
    func sharing() async throws {
        try await withServer(["app.test": .addresses([ip("192.0.2.1")], ttl: 100)]) { server in
            let resolver = try Resolver(servers: server.servers, limits: patient())
            defer { resolver.shutdown() }
            let (early, late) = (Reports(), Reports())
            let watch = resolver.watch("app.test") { early.sink.yield($0) }
            var earlyNext = early.stream.makeAsyncIterator()
            #expect(await earlyNext.next()?.addresses == [ip("192.0.2.1")])
            let second = resolver.watch("app.test") { late.sink.yield($0) }
            var lateNext = late.stream.makeAsyncIterator()
            #expect(await lateNext.next()?.addresses == [ip("192.0.2.1")])
            #expect(server.queries.count == 2)
            #expect(watch != second)

            // One that has left hears nothing any more.
            resolver.unwatch(watch)
            server.set("app.test", .addresses([ip("192.0.2.2")], ttl: 100))
            resolver.refreshNow()
            #expect(await lateNext.next()?.addresses == [ip("192.0.2.2")])
            early.sink.finish()
            #expect(await earlyNext.next() == nil)

            // A name that nobody is interested in is forgotten: the next one asks anew.
            resolver.unwatch(second)
            let asked = server.queries.count
            let again = Reports()
            _ = resolver.watch("app.test") { again.sink.yield($0) }
            var againNext = again.stream.makeAsyncIterator()
            #expect(await againNext.next()?.addresses == [ip("192.0.2.2")])
            #expect(server.queries.count == asked + 2)
        }
    }

    @Test("many names are all answered, a few at a time")
    func many() async throws {
        let names = (0..<50).map { "app\($0).test" }
        let answers = Dictionary(
            uniqueKeysWithValues: names.enumerated().map {
                ($1, NameServer.Answer.addresses([IPAddress(v4: UInt32($0 + 1))], ttl: 9))
            }
        )
        try await withServer(answers) { server in
            var limits = patient()
            limits.maximumQueryCount = 3
            let resolver = try Resolver(servers: server.servers, limits: limits)
            defer { resolver.shutdown() }
            let reports = Reports()
            for name in names { _ = resolver.watch(name) { reports.sink.yield($0) } }
            var seen: Set<IPAddress> = []
            var next = reports.stream.makeAsyncIterator()
            while seen.count < names.count, let report = await next.next() {
                seen.formUnion(report.addresses)
            }
            #expect(seen.count == names.count)
        }
    }

    @Test("shuts down at once while a query runs, and reports nothing after that")
    func shutdown() async throws {
        try await withServer(["silent.test": .silence]) { server in
            var limits = patient()
            limits.queryTimeoutMilliseconds = 30_000
            let resolver = try Resolver(servers: server.servers, limits: limits)
            let reports = Reports()
            _ = resolver.watch("silent.test") { reports.sink.yield($0) }
            // The thread has asked once the server has seen it.
            while server.queries.isEmpty { await Task.yield() }
            let taken = ContinuousClock().measure { resolver.shutdown() }
            #expect(taken < .seconds(5))
            resolver.shutdown()
            _ = resolver.watch("silent.test") { reports.sink.yield($0) }
            reports.sink.finish()
            var next = reports.stream.makeAsyncIterator()
            #expect(await next.next() == nil)
        }
    }

    @Test("can be shut down from a report")
    func shutdownFromReport() async throws {
        try await withServer(["app.test": .addresses([ip("192.0.2.1")], ttl: 9)]) { server in
            let resolver = try Resolver(servers: server.servers, limits: patient())
            let reports = Reports()
            _ = resolver.watch("app.test") { report in
                resolver.shutdown()
                reports.sink.yield(report)
            }
            var next = reports.stream.makeAsyncIterator()
            #expect(await next.next()?.addresses == [ip("192.0.2.1")])
        }
    }

    @Test("a text that is no name is a failure, and servers that are none are an error")
    func badTexts() async throws {
        try await withServer([:]) { server in
            for host in ["", "a..b", String(repeating: "a", count: 300) + ".test"] {
                #expect(throws: ResolutionError.self) {
                    try Resolver.resolveOnce(
                        host,
                        timeout: 1_000_000_000,
                        servers: server.servers,
                        limits: patient()
                    )
                }
            }
        }
        #expect(throws: ResolutionError.self) {
            try Resolver.resolveOnce("app.test", timeout: 1_000_000_000, servers: "nonsense")
        }
    }
}
