import Testing

@testable import Balancing

@Suite("RFC 9110 §9.2.2 replaying a request")
struct RetryTests {
    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let attempt: FailedAttempt
        let decision: RetryDecision

        init(
            _ name: String,
            _ failure: FailedAttempt.Failure,
            idempotent: Bool = true,
            sent: Bool = true,
            seen: Bool = false,
            reused: Bool = false,
            body: FailedAttempt.Body = .none,
            _ decision: RetryDecision
        ) {
            testDescription = name
            attempt = FailedAttempt(
                failure: failure,
                isIdempotent: idempotent,
                requestBytesSent: sent,
                responseBytesSeen: seen,
                connectionWasReused: reused,
                body: body
            )
            self.decision = decision
        }
    }

    static let cases = [
        Case("GET, refused", .connect, sent: false, .retry(.notSent)),
        Case("POST, refused", .connect, idempotent: false, sent: false, .retry(.notSent)),
        Case(
            "POST, refused, body buffered",
            .connect,
            idempotent: false,
            sent: false,
            body: .buffered,
            .retry(.notSent)
        ),
        Case(
            "POST, refused, body still to come",
            .connect,
            idempotent: false,
            sent: false,
            body: .untouched,
            .retry(.notSent)
        ),
        Case(
            "POST, refused, a part of the body gone",
            .connect,
            idempotent: false,
            sent: false,
            body: .consumed,
            .fail(.bodyConsumed)
        ),
        Case(
            "POST, kept connection was closed before a byte was taken",
            .connectionLost,
            idempotent: false,
            sent: false,
            reused: true,
            .retry(.notSent)
        ),
        Case(
            "POST, kept connection closed after a byte was taken",
            .connectionLost,
            idempotent: false,
            reused: true,
            .fail(.notIdempotent)
        ),
        Case(
            "POST, fresh connection closed",
            .connectionLost,
            idempotent: false,
            .fail(.notIdempotent)
        ),
        Case(
            "GET, kept connection closed",
            .connectionLost,
            reused: true,
            .retry(.staleConnection)
        ),
        Case("GET, fresh connection closed", .connectionLost, .retry(.idempotent)),
        Case("PUT, body buffered", .connectionLost, body: .buffered, .retry(.idempotent)),
        Case("PUT, body gone", .connectionLost, body: .consumed, .fail(.bodyConsumed)),
        Case("GET, a byte of the response seen", .connectionLost, seen: true, .fail(.responseSeen)),
        Case("GET, garbage came back", .invalidResponse, seen: true, .fail(.responseSeen)),
        Case("GET, too slow", .timeout, .fail(.timeout)),
        Case("POST, too slow", .timeout, idempotent: false, .fail(.notIdempotent)),
        Case("GET, connecting took too long", .connect, sent: false, .retry(.notSent)),
    ]

    @Test("Each combination is decided as the RFC asks", arguments: cases)
    func decisions(_ row: Case) {
        var budget = RetryBudget()
        let decision = RetryPolicy().decide(
            row.attempt,
            attemptsMade: 1,
            budget: &budget,
            now: 0
        )
        #expect(decision == row.decision)
    }

    @Test("No input is ever replayed that has been seen, lost or may have acted")
    func neverUnsafe() {
        let failures: [FailedAttempt.Failure] = [
            .connect, .connectionLost, .timeout, .invalidResponse,
        ]
        let bodies: [FailedAttempt.Body] = [.none, .buffered, .untouched, .consumed]
        for bits in 0..<16 {
            for failure in failures {
                for body in bodies {
                    let attempt = FailedAttempt(
                        failure: failure,
                        isIdempotent: bits & 1 != 0,
                        requestBytesSent: bits & 2 != 0,
                        responseBytesSeen: bits & 4 != 0,
                        connectionWasReused: bits & 8 != 0,
                        body: body
                    )
                    var budget = RetryBudget()
                    let policy = RetryPolicy(retriesTimeouts: true)
                    guard
                        case .retry = policy.decide(
                            attempt,
                            attemptsMade: 1,
                            budget: &budget,
                            now: 0
                        )
                    else { continue }
                    #expect(!attempt.responseBytesSeen)
                    #expect(attempt.body != .consumed)
                    #expect(
                        attempt.isIdempotent || !attempt.requestBytesSent || failure == .connect
                    )
                }
            }
        }
    }

    @Test("Attempts are limited, and slow servers are asked again only if so configured")
    func limits() {
        let lost = FailedAttempt(
            failure: .connectionLost,
            isIdempotent: true,
            requestBytesSent: true,
            responseBytesSeen: false,
            connectionWasReused: false,
            body: .none
        )
        var slow = lost
        slow.failure = .timeout
        var budget = RetryBudget()
        let policy = RetryPolicy(attempts: 2, retriesTimeouts: true)
        #expect(
            policy.decide(lost, attemptsMade: 1, budget: &budget, now: 0) == .retry(.idempotent)
        )
        #expect(
            policy.decide(lost, attemptsMade: 2, budget: &budget, now: 0) == .fail(.attemptsUsed)
        )
        #expect(
            policy.decide(slow, attemptsMade: 1, budget: &budget, now: 0) == .retry(.idempotent)
        )
        #expect(RetryPolicy(attempts: 99).attempts == TriedServers.maximumCount)
        #expect(RetryPolicy(attempts: 0).attempts == 1)
    }

    @Test("Retries of what was sent are charged, others are not")
    func charging() {
        var attempt = FailedAttempt(
            failure: .connectionLost,
            isIdempotent: true,
            requestBytesSent: true,
            responseBytesSeen: false,
            connectionWasReused: false,
            body: .none
        )
        var budget = RetryBudget(percent: 0, minimumPerSecond: 0, burst: 1)
        let policy = RetryPolicy()
        #expect(
            policy.decide(attempt, attemptsMade: 1, budget: &budget, now: 0) == .retry(.idempotent)
        )
        #expect(
            policy.decide(attempt, attemptsMade: 1, budget: &budget, now: 0) == .fail(.budgetUsed)
        )
        attempt.requestBytesSent = false
        for _ in 0..<100 {
            #expect(
                policy.decide(attempt, attemptsMade: 1, budget: &budget, now: 0)
                    == .retry(.notSent)
            )
        }
    }
}

@Suite("Retry budget")
struct RetryBudgetTests {
    @Test("One retry for five requests")
    func share() {
        var budget = RetryBudget(percent: 20, minimumPerSecond: 0, burst: 10)
        var granted = 0
        while budget.take(now: 0) { granted += 1 }
        #expect(granted == 10)
        granted = 0
        for _ in 0..<1_000 {
            budget.requestStarted()
            if budget.take(now: 0) { granted += 1 }
        }
        #expect(granted == 200)
    }

    @Test("A few retries a second without any request, saved up to the burst")
    func minimum() {
        var budget = RetryBudget(percent: 20, minimumPerSecond: 3, burst: 5)
        while budget.take(now: 0) {}
        #expect(budget.take(now: second / 4) == false)
        var granted = 0
        for tick in Int64(1)...100 where budget.take(now: tick * second / 10) { granted += 1 }
        #expect((29...30).contains(granted))
        granted = 0
        while budget.take(now: 1_000 * second) { granted += 1 }
        #expect(granted == 5)
    }

    @Test("Asking often earns no less than asking seldom")
    func roundingLosesNothing() {
        var budget = RetryBudget(percent: 0, minimumPerSecond: 1, burst: 5)
        while budget.take(now: 0) {}
        var granted = 0
        for tick in Int64(1)...40_000 where budget.take(now: tick * 300_000) { granted += 1 }
        #expect(granted == 12)
    }
}
