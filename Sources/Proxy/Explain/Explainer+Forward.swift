import Balancing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1

/// The upstream, what it would be sent, and what happens when it fails.
extension Explainer {
    mutating func explainForwarding(to loop: UpstreamLoop) {
        let upstream = loop.runtime.configuration
        add("action", "proxy \(upstream.name)")
        explainCache()
        addRewriting()
        addServers(of: upstream)
        if let failure = choose(from: loop) {
            refuse(failure)
            return
        }
        addConnections(of: upstream)
        addHealth(of: upstream)
        addRetries(loop)
        addResponseTo(loop)
        addCompression()
    }

    // MARK: Rewriting

    private mutating func addRewriting() {
        guard let rewriting = exchange.route?.route.rewriting, !rewriting.rules.isEmpty else {
            return
        }
        let path = comparedPath
        guard let change = rewriting.change(for: path.span) else {
            add("rewrite", "no rule fits the path, which stays as it is")
            return
        }
        let dropped = path.span.extracting(first: change.dropped).string()
        let kept = path.count - change.dropped
        add(
            "rewrite",
            "'\(dropped)' becomes '\(change.replacement.span.string())'"
                + (kept > 0 ? ", what follows stays" : "")
        )
    }

    // MARK: Servers

    private mutating func addServers(of upstream: Upstream) {
        var lines = ["\(upstream.name), profile \(upstream.profile.rawValue)"]
        for server in upstream.servers {
            var line = "server \(server.endpoint)"
            if server.weight != 1 { line += " weight=\(server.weight)" }
            if let limit = server.maximumConnections { line += " max_connections=\(limit)" }
            if server.isBackup { line += " backup" }
            if server.isDown { line += " down" }
            if server.isSecure { line += " tls" }
            lines.append(line)
        }
        if let tls = upstream.tls { lines.append(tls.summary) }
        if upstream.servers.count > 1 { lines.append(method(upstream.balance)) }
        add("upstream", lines)
    }

    private func method(_ balance: Balance) -> String {
        switch balance {
        case .roundRobin: "balance round_robin: in turn, by weight"
        case .leastConnections:
            "balance least_conn: the one with the fewest requests in flight for its weight"
        case .random: "balance random: the less busy of two taken at random"
        case .hash(let key): "balance hash: by \(self.name(key)), the same one for the same value"
        }
    }

    private func name(_ key: HashKey) -> String {
        switch key {
        case .clientAddress: "the client's address"
        case .host: "the host"
        case .path: "the path"
        case .uri: "path and query"
        case .header(let name): "the field '\(name)'"
        case .cookie(let name): "the cookie '\(name)'"
        }
    }

    /// Chooses a server as the first request after a start would, all of them being well.
    /// - Returns: Why there is none.
    private mutating func choose(from loop: UpstreamLoop) -> Failure? {
        exchange.serverName = Array("<the server's address>".utf8)
        // Which servers there are is not known before the names are resolved, and nobody is asked.
        if loop.servers.unresolved {
            add("server", "one of those that the names resolve to")
            return nil
        }
        let balance = loop.runtime.configuration.balance
        let key = exchange.balancingKey(balance)
        switch loop.balancer.choose(now: exchange.context.reactor.now, key: key, random: 0) {
        case .none:
            return Failure(
                status: UpstreamFailure.noServer.status,
                reason: .upstream(.noServer),
                retryAfter: ProxyLimits.retryAfterSeconds
            )
        case .server(let index, _):
            let name = loop.servers.names[index]
            if case .hash = balance, loop.servers.names.count > 1 {
                guard key != nil else {
                    add("server", "in turn: the request has no value to choose by")
                    return nil
                }
                add("server", "\(name.span.string()), while it is well")
                exchange.serverName = name
            } else if loop.servers.names.count == 1 {
                exchange.serverName = name
            }
            return nil
        }
    }

    private mutating func addConnections(of upstream: Upstream) {
        guard let policy = upstream.keepAlive else {
            add("connection", "a new one for each request: keepalive is off")
            return
        }
        let requests = policy.requests.map { ", for at most \($0) requests" } ?? ""
        add(
            "connection",
            "one that lies idle, else a new one; \(policy.connections) are kept for each loop and "
                + "server, for \(duration(policy.idle))\(requests)"
        )
    }

    private mutating func addHealth(of upstream: Upstream) {
        var lines: [String] = []
        if let check = upstream.healthCheck {
            let good = check.expected.map {
                $0.lowerBound == $0.upperBound
                    ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)"
            }.joined(separator: ",")
            lines.append(
                "checked by GET \(check.path) every \(duration(check.interval)), "
                    + "\(duration(check.timeout)) at most, good is \(good)"
            )
            lines.append(
                "out after \(check.fails) bad ones in a row, back after \(check.passes) good ones"
            )
        }
        if let ejection = upstream.ejection {
            lines.append(
                "set aside after \(ejection.fails) failures in a row, for "
                    + "\(duration(ejection.time)) and longer each time, "
                    + "\(duration(ejection.maximum)) at most"
            )
        }
        add("health", lines)
    }

    // MARK: Failures

    /// Puts the failures that matter to the rule on retries, and writes down what it says.
    private mutating func addRetries(_ loop: UpstreamLoop) {
        let hasOthers = loop.servers.unresolved || loop.servers.names.count > 1
        let isWhole = exchange.readsContentFirst(for: loop.runtime.configuration)
        let hasContent = !exchange.requestBody.isComplete
        let body: FailedAttempt.Body = !hasContent ? .none : isWhole ? .buffered : .consumed
        let unsent: FailedAttempt.Body = !hasContent ? .none : isWhole ? .buffered : .untouched
        func say(_ event: String, _ failure: UpstreamFailure, sent: Bool) -> String {
            let attempt = FailedAttempt(
                failure: failure.kind,
                isIdempotent: exchange.request.method.isIdempotent,
                requestBytesSent: sent,
                responseBytesSeen: false,
                connectionWasReused: false,
                body: sent ? body : unsent
            )
            let decision = loop.retryPolicy.decide(
                attempt,
                attemptsMade: 1,
                budget: &loop.retryBudget,
                now: exchange.context.reactor.now
            )
            if case .retry = decision, !hasOthers { return "\(event): no other server is left" }
            return "\(event): \(outcome(decision, giving: failure.status))"
        }
        let attempts = loop.retryPolicy.attempts
        add(
            "failures",
            "at most \(attempts) attempt\(attempts == 1 ? "" : "s")",
            say("no connection", .connectFailed, sent: false),
            say("connection lost before a response", .closed, sent: true),
            say("no response in time", .responseTimeout, sent: true)
        )
    }

    private func outcome(_ decision: RetryDecision, giving status: Int) -> String {
        switch decision {
        case .retry: "the next server"
        case .fail(.notIdempotent):
            "\(status), as \(exchange.request.methodBytes.string()) must not be sent twice"
        case .fail(.bodyConsumed):
            "\(status), as the content is gone, unless all of it came with the head"
        case .fail(.timeout): "\(status), as asking again would only add to the load"
        case .fail(.attemptsUsed), .fail(.budgetUsed), .fail(.responseSeen): "\(status)"
        }
    }

    // MARK: What is sent

    private mutating func addResponseTo(_ loop: UpstreamLoop) {
        let upstream = loop.runtime.configuration
        let readsFirst = exchange.readsContentFirst(for: upstream)
        if !exchange.requestBody.isComplete { exchange.content = .streaming }
        let decodes = exchange.decodedCoding
        if let decodes {
            add(
                "content",
                "decoded from \(decodes.name) and taken in whole: at most "
                    + "\(exchange.route?.route.policy.requestDecoding?.ratio ?? 0) times as large"
            )
            exchange.forgetContentCoding()
        }
        let isMeasured = decodes != nil || readsFirst && exchange.request.framing == .chunked
        let head = Buffer()
        exchange.writeUpstreamHead(
            to: head,
            framing: isMeasured ? .length(0) : exchange.upstreamFraming,
            keepsConnection: loop.keepsConnections
        )
        var lines = head.readable.string().split(separator: "\r\n").map(String.init)
        // The head says what has been counted by then.
        if isMeasured, let index = lines.lastIndex(of: "Content-Length: 0") {
            lines[index] = "Content-Length: <as much as has been read>"
        }
        add("sent", withoutPlaceholders(lines))
        addResponseRules(ofUpstream: true)
    }
}
