import Testing

@testable import Balancing

final class Handle: Sendable {
    let number: Int
    init(_ number: Int) { self.number = number }
}

@Suite("Idle connections")
struct IdlePoolTests {
    let fresh = ConnectionHistory(openedAt: 0, requests: 1)

    @Test("The one used last is used first; the one idle longest makes room")
    func order() {
        var pool = IdlePool<Handle>(policy: IdlePolicy(maximumCount: 3))
        for number in 1...3 {
            #expect(pool.push(Handle(number), history: fresh, now: Int64(number)) == nil)
        }
        #expect(pool.push(Handle(4), history: fresh, now: 4)?.number == 1)
        #expect(pool.count == 3)
        #expect((0..<4).map { _ in pool.pop(now: 5)?.number } == [4, 3, 2, nil])
    }

    struct Case: CustomTestStringConvertible {
        let testDescription: String
        var policy = IdlePolicy()
        var history = ConnectionHistory(openedAt: 0, requests: 1)
        /// Pushed at second 100: usable for so long, nanoseconds; 0 is refused at once.
        let usable: Int64
    }

    static func keepAlive(_ text: String) -> KeepAliveField {
        let bytes = [UInt8](text.utf8)
        return KeepAliveField(bytes.span)
    }

    static let cases = [
        Case(testDescription: "idle time alone", usable: 60 * second),
        Case(
            testDescription: "gunicorn keeps 2 s, half a second of margin",
            policy: IdlePolicy(serverKeepAlive: 2 * second),
            usable: 1_500_000_000
        ),
        Case(
            testDescription: "a server that keeps no longer than the margin",
            policy: IdlePolicy(serverKeepAlive: second / 2),
            usable: 0
        ),
        Case(
            testDescription: "what the server says goes before what is known of it",
            policy: IdlePolicy(serverKeepAlive: 2 * second),
            history: ConnectionHistory(
                openedAt: 0,
                requests: 1,
                keepAlive: keepAlive("timeout=5")
            ),
            usable: 4_500_000_000
        ),
        Case(
            testDescription: "our own idle time stays the upper bound",
            history: ConnectionHistory(
                openedAt: 0,
                requests: 1,
                keepAlive: keepAlive("timeout=999")
            ),
            usable: 60 * second
        ),
        Case(
            testDescription: "timeout=0",
            history: ConnectionHistory(
                openedAt: 0,
                requests: 1,
                keepAlive: keepAlive("timeout=0")
            ),
            usable: 0
        ),
        Case(
            testDescription: "max=0",
            history: ConnectionHistory(
                openedAt: 0,
                requests: 1,
                keepAlive: keepAlive("timeout=5, max=0")
            ),
            usable: 0
        ),
        Case(
            testDescription: "the last allowed request was served",
            policy: IdlePolicy(maximumRequests: 10),
            history: ConnectionHistory(openedAt: 0, requests: 10),
            usable: 0
        ),
        Case(
            testDescription: "one request is left",
            policy: IdlePolicy(maximumRequests: 10),
            history: ConnectionHistory(openedAt: 0, requests: 9),
            usable: 60 * second
        ),
        Case(
            testDescription: "old age",
            policy: IdlePolicy(maximumAge: 110 * second),
            usable: 10 * second
        ),
        Case(
            testDescription: "too old",
            policy: IdlePolicy(maximumAge: 100 * second),
            usable: 0
        ),
        Case(testDescription: "no pool", policy: IdlePolicy(maximumCount: 0), usable: 0),
    ]

    @Test("How long a connection may be used", arguments: cases)
    func usability(_ row: Case) {
        var pool = IdlePool<Handle>(policy: row.policy)
        let handle = Handle(1)
        let now = 100 * second
        let refused = pool.push(handle, history: row.history, now: now)
        guard row.usable > 0 else {
            #expect(refused === handle)
            #expect(pool.count == 0)
            return
        }
        #expect(refused == nil)
        #expect(pool.nextExpiry == now + row.usable)
        var late = pool
        #expect(pool.popExpired(now: now + row.usable - 1) == nil)
        #expect(pool.pop(now: now + row.usable - 1) === handle)
        #expect(late.pop(now: now + row.usable) == nil)
        #expect(late.popExpired(now: now + row.usable) === handle)
        #expect(late.popExpired(now: now + row.usable) == nil)
        #expect(late.nextExpiry == nil)
    }

    @Test("An expired connection does not hide an older one that is still good")
    func mixedExpiries() {
        var pool = IdlePool<Handle>(policy: IdlePolicy())
        var short = fresh
        short.keepAlive.timeout = second
        #expect(pool.push(Handle(1), history: fresh, now: 0) == nil)
        #expect(pool.push(Handle(2), history: short, now: 0) == nil)
        #expect(pool.nextExpiry == second / 2)
        #expect(pool.pop(now: second)?.number == 1)
        #expect(pool.popExpired(now: second)?.number == 2)
        #expect(pool.count == 0)
    }

    @Test("A connection that its server closed is forgotten, the rest can be emptied")
    func removal() {
        var pool = IdlePool<Handle>(policy: IdlePolicy())
        let handles = (1...3).map(Handle.init)
        for handle in handles { #expect(pool.push(handle, history: fresh, now: 0) == nil) }
        #expect(pool.remove(handles[1]) == true)
        #expect(pool.remove(handles[1]) == false)
        #expect(
            [pool.popAny()?.number, pool.popAny()?.number, pool.popAny()?.number] == [3, 1, nil]
        )
    }
}

@Suite("Keep-Alive response field")
struct KeepAliveFieldTests {
    struct Case: CustomTestStringConvertible {
        let value: String
        var timeout: Int64?
        var requests: Int?
        var testDescription: String { value }
    }

    static let cases = [
        Case(value: "timeout=5", timeout: 5),
        Case(value: "timeout=5, max=100", timeout: 5, requests: 100),
        Case(value: "max=7,timeout=15", timeout: 15, requests: 7),
        Case(value: "Timeout = \"5\" ; MAX=2", timeout: 5, requests: 2),
        Case(value: " , ,timeout=5,", timeout: 5),
        Case(value: "timeout=5, foo=bar", timeout: 5),
        Case(value: "timeout=99999999999999999999", timeout: 86_400),
        Case(value: ""), Case(value: "timeout"), Case(value: "timeout="), Case(value: "5"),
        Case(value: "timeout=-1"), Case(value: "timeout=5s"), Case(value: "xtimeout=5"),
        Case(value: "timeoutx=5"), Case(value: "timeout=\u{e9}"), Case(value: "max"),
    ]

    @Test("What can be read is used, the rest is left out", arguments: cases)
    func values(_ row: Case) {
        let bytes = [UInt8](row.value.utf8)
        let field = KeepAliveField(bytes.span)
        #expect(field.timeout == row.timeout.map { $0 * second })
        #expect(field.remainingRequests == row.requests)
    }

    @Test("Any bytes are survived")
    func garbage() {
        var generator = SeededGenerator(seed: 9)
        let alphabet = Array("timeouax=,; \"0159\u{0}\u{ff}".utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0..<40, using: &generator)
            let bytes = (0..<length).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
            }
            let field = KeepAliveField(bytes.span)
            #expect((field.timeout ?? 0) <= 86_400 * second)
            #expect((field.remainingRequests ?? 0) <= 86_400)
        }
    }
}
