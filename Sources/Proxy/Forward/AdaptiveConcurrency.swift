import Configuration
import EventLoop
import HTTP
import HTTP1
import Limiting
import Telemetry

/// Upstreams with `concurrency=auto`.
extension Exchange {
    /// Waits for a place in the upstream, forwards, and tells the gate how long that took.
    mutating func forward(to upstream: UpstreamLoop, through gate: AdaptiveGate)
        async throws(Failure)
    {
        let ticket = context.makeTicket()
        switch gate.enter(ticket: ticket) {
        case .entered: break
        case .full: throw .busyGate
        case .queued:
            let patience =
                route?.route.policy.timeouts.connect
                ?? upstream.runtime.configuration.connectTimeout
            let wait = await waitForPlace(ticket, until: context.reactor.now + patience)
            if wait != .admitted, gate.abandon(ticket: ticket) {
                throw wait == .clientGone ? .clientGone : .busyGate
            }
        }
        times.upstreamHead = 0
        do throws(Failure) {
            try await forward(to: upstream)
            leave(gate, after: nil)
        } catch {
            leave(gate, after: error)
            throw error
        }
    }

    private mutating func leave(_ gate: AdaptiveGate, after failure: Failure?) {
        let outcome: AdaptiveGate.Outcome
        if times.upstreamHead != 0 {
            outcome = .answered(latency: times.upstreamHead - times.upstreamStarted)
        } else if case .upstream(let reason)? = failure?.reason, reason.speaksOfOverload {
            outcome = .failed
        } else {
            outcome = .unknown
        }
        for next in gate.leave(outcome, now: context.reactor.now) { context.admit(next) }
    }
}

extension UpstreamFailure {
    /// Whether a server that is asked too much fails like this.
    var speaksOfOverload: Bool {
        switch self {
        case .connectTimeout, .responseTimeout, .connectRefused, .reset, .closed: true
        default: false
        }
    }
}
