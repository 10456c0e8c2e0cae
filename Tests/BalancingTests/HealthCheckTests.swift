import Testing

@testable import Balancing

@Suite("Active health")
struct HealthCheckTests {
    struct Case: CustomTestStringConvertible {
        /// `+` a good check, `-` a bad one.
        let results: String
        /// The verdict after each: `u` usable, `x` not.
        let usable: String
        /// Changes told to the caller: `^`, `v`, or `.` for none.
        let changes: String
        var testDescription: String { results }
    }

    static let cases = [
        Case(results: "+", usable: "u", changes: "^"),
        Case(results: "-", usable: "x", changes: "v"),
        Case(results: "+--+--+", usable: "uuuuuuu", changes: "^......"),
        Case(results: "+---", usable: "uuux", changes: "^..v"),
        Case(results: "+-----++", usable: "uuuxxxxu", changes: "^..v...^"),
        Case(results: "-+-+-++", usable: "xxxxxxu", changes: "v.....^"),
        Case(results: "-++--+---", usable: "xxuuuuuux", changes: "v.^.....v"),
    ]

    @Test("Thresholds: passes 2, fails 3; the first result decides at once", arguments: cases)
    func thresholds(_ row: Case) {
        let policy = HealthCheckPolicy(passes: 2, fails: 3)
        var state = HealthCheckState(now: 0, policy: policy, random: 0)
        #expect(state.isUsable, "not checked yet means usable")
        var usable = ""
        var changes = ""
        for result in row.results {
            let change = state.checkEnded(
                passed: result == "+",
                now: 0,
                policy: policy,
                random: 0
            )
            usable += state.isUsable ? "u" : "x"
            switch change {
            case .becameHealthy: changes += "^"
            case .becameUnhealthy: changes += "v"
            case nil: changes += "."
            }
        }
        #expect(usable == row.usable)
        #expect(changes == row.changes)
    }

    @Test("The next check comes after every, give or take a tenth; the first within a second")
    func rhythm() {
        let policy = HealthCheckPolicy(every: 5 * second)
        var generator = SeededGenerator(seed: 7)
        var earliest = Int64.max
        var latest = Int64.min
        for _ in 0..<2_000 {
            var state = HealthCheckState(now: 100, policy: policy, random: generator.next())
            #expect((100..<100 + second).contains(state.nextCheck))
            _ = state.checkEnded(
                passed: true,
                now: 9 * second,
                policy: policy,
                random: generator.next()
            )
            earliest = min(earliest, state.nextCheck - 9 * second)
            latest = max(latest, state.nextCheck - 9 * second)
        }
        #expect(earliest >= 4_500_000_000 && earliest < 4_520_000_000)
        #expect(latest <= 5_500_000_000 && latest > 5_480_000_000)
    }

    @Test("Expected statuses")
    func statuses() {
        let usual = HealthCheckPolicy().expected
        #expect([200, 204, 302, 399].allSatisfy(usual.contains))
        #expect(![100, 199, 400, 503].contains(where: usual.contains))
        let odd = StatusRanges([200...200, 401...403])
        #expect([200, 201, 401, 403, 404].map(odd.contains) == [true, false, true, true, false])
    }
}
