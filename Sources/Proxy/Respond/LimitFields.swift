import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Limiting

/// What a client is told of the limits it meets.
extension Exchange {
    /// Writes the fields of the limit with the least left, if there is one to tell of.
    ///
    /// Source: draft-ietf-httpapi-ratelimit-headers-10 §3, §4.
    mutating func writeLimitFields(to output: Buffer) {
        guard let turn = limits, let told = turn.told, let limits = route?.limits else { return }
        let decision = turn.decision
        switch limits.fields {
        case .off: return
        case .standard:
            output.append(limits.policyField)
            output.append(turn.otherPolicies)
            output.append("\r\nRateLimit: ")
            output.append(told.runtime.quotedName)
            output.append(";r=")
            output.append(decimal: decision.remaining)
            output.append(";t=")
            output.append(decimal: LimitRuntime.seconds(decision.reset))
            output.append(turn.otherLimits)
            output.append("\r\n")
        case .legacy:
            let quota = LimitRuntime.quota(told.rate, told.runtime.limit.algorithm)
            output.writeField("X-RateLimit-Limit", decimal: quota.units)
            output.writeField("X-RateLimit-Remaining", decimal: decision.remaining)
            // Seconds since 1970, cut off and one added, as Flask-Limiter does it.
            let reset = (context.reactor.wallNow &+ decision.reset) / 1_000_000_000 &+ 1
            output.writeField("X-RateLimit-Reset", decimal: Int(reset))
        }
    }

    /// Takes the cost out of a response whose application tells it, before the fields are written.
    mutating func noteCost() {
        guard let turn = limits, turn.owner?.hasResponseCost ?? false else { return }
        for index in turn.taken.indices {
            guard case .response(let name) = turn.taken[index].runtime.limit.cost else { continue }
            let bytes = Array(name.utf8)
            guard let field = response.fields.first(named: bytes.span) else { continue }
            turn.taken[index].actual = units(response.fields.value(at: field))
        }
        for entry in turn.taken {
            guard case .response(let name) = entry.runtime.limit.cost else { continue }
            let bytes = Array(name.utf8)
            while let field = response.fields.first(named: bytes.span) {
                response.fields.remove(at: field)
            }
        }
    }

    /// A number of units; nil when it is none, and then the request counts as one.
    private func units(_ text: Span<UInt8>) -> Int? {
        guard (1...10).contains(text.count) else { return nil }
        var value = 0
        for index in text.indices {
            let digit = Int(text[index]) - 0x30
            guard (0...9).contains(digit) else { return nil }
            // At most ten digits.
            value = value * 10 + digit
        }
        return min(value, LimitRate.maximumCount)
    }
}
