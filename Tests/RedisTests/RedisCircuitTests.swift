import Redis
import Testing

@Suite("When a Redis that fails is left alone, and where it says that keys are")
struct RedisCircuitTests {
    /// Opens so many times; the pauses.
    private static func pauses(_ circuit: inout RedisCircuit, _ count: Int) -> [Int64] {
        var pauses: [Int64] = []
        for _ in 0..<count { pauses.append(circuit.open()) }
        return pauses
    }

    @Test("Pauses double up to the longest, and begin anew after an answer")
    func pauses() {
        var circuit = RedisCircuit(RedisPace(misses: 1, first: 100, longest: 1000))
        let first = Self.pauses(&circuit, 6)
        #expect(first == [100, 200, 400, 800, 1000, 1000])
        circuit.succeeded()
        let second = Self.pauses(&circuit, 100)
        #expect(second.first == 100 && second.allSatisfy { $0 <= 1000 })
        var longest = RedisCircuit(RedisPace(misses: 1, first: .max / 2, longest: .max))
        let third = Self.pauses(&longest, 3)
        #expect(third == [.max / 2, .max - 1, .max])
    }

    @Test("Only misses in a row give a connection up")
    func misses() {
        var circuit = RedisCircuit(RedisPace(misses: 3, first: 1, longest: 1))
        var results: [Bool] = []
        for _ in 0..<2 { results.append(circuit.failed()) }
        circuit.succeeded()
        for _ in 0..<3 { results.append(circuit.failed()) }
        #expect(results == [false, false, false, false, true])
    }

    @Test("After a failure one question at a time is let through, until one is answered")
    func trial() {
        var circuit = RedisCircuit(RedisPace(misses: 3, first: 1, longest: 1))
        func admissions() -> [Bool] {
            let first = circuit.admit()
            return [first, circuit.admit()]
        }
        #expect(admissions() == [true, true])
        _ = circuit.open()
        #expect(admissions() == [true, false])
        let isGivenUp = circuit.failed()
        #expect(isGivenUp, "on trial a single miss is enough")
        _ = circuit.open()
        #expect(admissions() == [true, false])
        circuit.succeeded()
        #expect(admissions() == [true, true])
    }

    @Test(
        "What a server of a cluster says is understood",
        arguments: [
            ("MOVED 3999 10.0.0.8:6379", false, 3999, "10.0.0.8", 6379),
            ("ASK 0 [::1]:7000", true, 0, "[::1]", 7000), ("ASK 1 ::1:7000", true, 1, "::1", 7000),
            ("MOVED 16383 :6381", false, 16383, "", 6381),
            ("MOVED 1 redis.example:6379", false, 1, "redis.example", 6379),
        ] as [(String, Bool, Int, String, UInt16)]
    )
    func redirects(text: String, isOnce: Bool, slot: Int, host: String, port: UInt16) throws {
        let redirect = try #require(RedisRedirect(text))
        #expect(redirect.isOnce == isOnce && redirect.slot == slot)
        #expect(redirect.host == host && redirect.port == port)
    }

    @Test(
        "Anything else is no redirection",
        arguments: [
            "", "MOVED", "MOVED 1", "MOVED x 10.0.0.8:6379", "MOVED 16384 10.0.0.8:6379",
            "MOVED -1 10.0.0.8:6379", "MOVED 1 10.0.0.8", "MOVED 1 10.0.0.8:0",
            "MOVED 1 10.0.0.8:65536", "ERR MOVED 1 10.0.0.8:6379", "moved 1 10.0.0.8:6379",
        ]
    )
    func others(text: String) { #expect(RedisRedirect(text) == nil) }
}
