import Testing

@testable import Balancing

@Suite("Passive health: ejection timeline")
struct EjectionTests {
    let policy = EjectionPolicy(
        fails: 3,
        time: 10 * second,
        maximumTime: 60 * second,
        forgetAfter: 100 * second
    )

    @Test("Only failures in a row eject")
    func successResetsTheCount() {
        var state = EjectionState()
        for round in Int64(0)..<10 {
            #expect(state.fail(now: round, isTrial: false, policy: policy) == nil)
            #expect(state.fail(now: round, isTrial: false, policy: policy) == nil)
            #expect(state.succeed(now: round, isTrial: false) == false)
        }
        #expect(state.isClean)
        #expect(state.fail(now: 20, isTrial: false, policy: policy) == nil)
        #expect(state.fail(now: 21, isTrial: false, policy: policy) == nil)
        #expect(state.fail(now: 22, isTrial: false, policy: policy) == 22 + 10 * second)
    }

    @Test("Each failed trial doubles the time, up to the maximum")
    func doubling() {
        var state = EjectionState()
        var now: Int64 = 0
        for _ in 0..<2 { _ = state.fail(now: now, isTrial: false, policy: policy) }
        var lengths: [Int64] = []
        var isTrial = false
        for _ in 0..<6 {
            guard let until = state.fail(now: now, isTrial: isTrial, policy: policy) else {
                Issue.record("a failure at \(now) did not eject")
                return
            }
            lengths.append((until - now) / second)
            now = until
            isTrial = true
        }
        #expect(lengths == [10, 20, 40, 60, 60, 60])
    }

    @Test("What fails or succeeds late, from before the ejection, changes nothing")
    func oldNews() {
        var state = EjectionState()
        for _ in 0..<3 { _ = state.fail(now: 0, isTrial: false, policy: policy) }
        let ejected = state
        #expect(state.fail(now: second, isTrial: false, policy: policy) == nil)
        #expect(state.fail(now: 30 * second, isTrial: false, policy: policy) == nil)
        #expect(state.succeed(now: 2 * second, isTrial: false) == false)
        // A trial before its time is one of a panic: its failure must not lengthen the ejection.
        #expect(state.fail(now: 3 * second, isTrial: true, policy: policy) == nil)
        #expect(state == ejected)
    }

    @Test("A good trial brings the server back; a soon relapse is longer, a late one is not")
    func forgetting() {
        var state = EjectionState()
        for _ in 0..<3 { _ = state.fail(now: 0, isTrial: false, policy: policy) }
        #expect(state.succeed(now: 10 * second, isTrial: true) == true)
        #expect(state.isClean)

        var soon = state
        for _ in 0..<2 { _ = soon.fail(now: 50 * second, isTrial: false, policy: policy) }
        #expect(soon.fail(now: 50 * second, isTrial: false, policy: policy) == 70 * second)

        let late = 110 * second
        for _ in 0..<2 { _ = state.fail(now: late, isTrial: false, policy: policy) }
        #expect(state.fail(now: late, isTrial: false, policy: policy) == late + 10 * second)
    }

    @Test("With fails 0 nothing is ever ejected")
    func off() {
        var state = EjectionState()
        let off = EjectionPolicy(fails: 0)
        for now in Int64(0)..<100 {
            #expect(state.fail(now: now, isTrial: false, policy: off) == nil)
        }
        #expect(state.isClean)
    }

    @Test("The largest times do not overflow")
    func extremes() {
        var state = EjectionState()
        let extreme = EjectionPolicy(fails: 1, time: .max, maximumTime: .max, forgetAfter: .max)
        #expect(state.fail(now: .max, isTrial: false, policy: extreme) == .max)
        #expect(state.fail(now: .max, isTrial: true, policy: extreme) == .max)
    }
}
