import Addressing
import Configuration
import HTTP
import HTTP1

/// Whether the request may go on, and what its content and its waits are bounded by.
extension Explainer {
    mutating func admit() throws(Failure) {
        guard let policy = exchange.route?.route.policy else { return }
        var failure: Failure?
        do throws(Failure) {
            try exchange.admit()
        } catch {
            failure = error
        }
        let client = exchange.client.address.map { "\($0)" } ?? "a unix socket"
        if let failure, case .refused(.accessDenied) = failure.reason {
            add("access", "\(client) is denied")
            throw failure
        }
        add(
            "access",
            policy.access == nil
                ? "no allow and no deny: everybody is served" : "\(client) is allowed"
        )
        addContent(policy)
        if let failure { throw failure }
        try addLimits()
        addTimeouts(policy.timeouts)
    }

    private mutating func addContent(_ policy: Policy) {
        let limit = policy.bodyLimit.map { "at most \(size($0))" } ?? "as much as there is"
        guard let route = exchange.route?.route, case .proxy(let index) = route.action else {
            add("content", "\(limit); not read")
            return
        }
        let upstream = configuration.upstreams[index]
        let buffering = policy.buffering
        var lines = [limit]
        if buffering.isOn {
            lines.append(
                "read whole before the request goes on: \(size(buffering.memory)) in memory, the "
                    + "rest in a file in \(buffering.directory)"
            )
        } else if exchange.readsContentFirst(for: upstream) {
            lines.append("read whole before the request goes on: the upstream needs its length")
        } else {
            lines.append("passed on as it comes")
        }
        add("content", lines)
    }

    private mutating func addTimeouts(_ timeouts: Timeouts) {
        add(
            "timeouts",
            "client: body=\(duration(timeouts.body)) send=\(duration(timeouts.send)) "
                + "idle=\(duration(timeouts.idle))",
            "upstream: connect=\(duration(timeouts.connect)) "
                + "response=\(duration(timeouts.response)) "
                + "upstream_send=\(duration(timeouts.upstreamSend))",
            exchange.request.upgradeRequested ? "tunnel=\(duration(timeouts.tunnel))" : nil
        )
    }
}
