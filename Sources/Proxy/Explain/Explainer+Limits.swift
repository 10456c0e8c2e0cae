import Addressing
import Bytes
import Configuration
import HTTP
import HTTP1
import Limiting

/// Every limit that the request would meet, its key and its numbers.
extension Explainer {
    /// Explains the limits, of which none has counted anything here.
    mutating func addLimits() throws(Failure) {
        guard let limits = exchange.route?.limits else { return }
        for runtime in limits.rates {
            let limit = runtime.limit
            var lines = ["\(limit.name): \(limit.description)"]
            do throws(Failure) {
                if let key = try exchange.key(for: runtime, LimitTurn()) {
                    lines.append(contentsOf: numbers(runtime, key))
                } else {
                    lines.append(reasonToSkip(runtime))
                }
            } catch {
                lines.append("\(missing(limit.key)) missing: the request is refused")
                add("limit", lines)
                throw error
            }
            add("limit", lines)
        }
        for gate in limits.gates {
            let limit = gate.limit
            let by = limit.key.parts.isEmpty ? "" : " for each \(value(of: limit.key))"
            let queue =
                limit.queue == 0
                ? "the next ones get 503 at once"
                : "the next \(limit.queue) wait up to \(duration(limit.wait)), others get 503"
            add("limit", "\(limit.limit) at once\(by); \(queue)")
        }
        if let bandwidth = limits.bandwidth {
            let after = bandwidth.after > 0 ? " after the first \(size(bandwidth.after))" : ""
            add("limit", "responses go out at \(size(bandwidth.rate))/s\(after)")
        }
    }

    private mutating func numbers(_ runtime: LimitRuntime, _ key: LimitKey) -> [String] {
        let limit = runtime.limit
        guard let rate = runtime.rate(for: key) else {
            return ["counted by \(value(of: limit.key)), which has no limit of its own in the file"]
        }
        var lines = ["counted by \(value(of: limit.key))"]
        if rate != limit.rate {
            let burst = limit.algorithm == .tokenBucket ? " burst=\(rate.burst)" : ""
            lines[0] += ", for which the file says \(Configuration.text(rate: rate))\(burst)"
        }
        let quota = LimitRuntime.quota(rate, limit.algorithm)
        lines.append("\(quota.units) at once, all back after \(quota.seconds) s")
        switch limit.cost {
        case .fixed(1): break
        case .fixed(let units): lines.append("this request takes \(units)")
        case .response(let name): lines.append("takes what the response's '\(name)' says")
        }
        if !limit.counted.isEmpty {
            let statuses = limit.counted.map {
                $0.lowerBound == $0.upperBound
                    ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
            }
            lines.append("only responses with \(statuses.joined(separator: ",")) count")
        }
        lines.append(
            limit.observes ? "mode=observe: never refused" : "then \(reasoned(limit.status))"
        )
        return lines
    }

    private mutating func reasonToSkip(_ runtime: LimitRuntime) -> String {
        let limit = runtime.limit
        if !limit.methods.contains(MethodSet(exchange.request.method)) {
            return "not asked: it is for \(limit.methods.names.joined(separator: ", ")) only"
        }
        if let address = exchange.client.address, limit.allowed.contains(address) {
            return "not asked: \(address) is let off"
        }
        return "not asked: \(missing(limit.key)) missing"
    }

    private func missing(_ key: CountingKey) -> String { "'\(key.description)' is" }

    /// The values of a key, for a person.
    private mutating func value(of key: CountingKey) -> String {
        key.parts.map { part in
            switch part {
            case .clientAddress:
                guard let address = exchange.client.address else { return "a unix socket" }
                let masked = key.masked(address)
                let prefix = masked.isIPv4 ? key.ipv4Prefix : key.ipv6Prefix
                return prefix == masked.bitWidth ? "\(masked)" : "\(masked)/\(prefix)"
            case .host: return "host '\(exchange.request.host.string())'"
            case .path: return "path '\(exchange.request.path.string())'"
            case .route: return "route '\(exchange.route?.route.name ?? "")'"
            case .header, .cookie, .query: return "'\(part.description)'"
            }
        }.joined(separator: " + ")
    }
}
