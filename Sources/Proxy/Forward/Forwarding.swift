import Addressing
import Balancing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// What became of one attempt to get a response.
enum AttemptError: Error {
    /// The upstream failed; another server, or the same once more, may do better.
    case upstream(UpstreamFailure, requestBytesSent: Bool, responseSeen: Bool)
    /// The exchange is over whatever the upstream does.
    case final(Failure)
}

extension Exchange {
    /// Sends the request to a server of the upstream and passes its response on.
    @inline(__always)
    mutating func forward(to upstream: UpstreamLoop) async throws(Failure) {
        upstream.refresh()
        if requestBody.isComplete {
            content = .none
        } else {
            try await prepareContent(for: upstream)
        }
        upstream.retryBudget.requestStarted()
        let key = balancingKey(upstream.runtime.configuration.balance)
        var tried = TriedServers()
        times.upstreamStarted = context.reactor.now
        var last: UpstreamFailure?
        while true {
            let (index, isTrial) = try choose(upstream, key: key, tried: tried, after: last)
            let server = upstream.balancer.servers[index]
            let series = upstream.servers.series[index]
            let wasRetry = attempts > 0
            attempts += 1
            uploadIsBroken = false
            serverName = upstream.servers.names[index]
            context.metrics.adjust(.requestsInFlight, server: series, by: 1)
            defer {
                server.status.release()
                context.metrics.adjust(.requestsInFlight, server: series, by: -1)
            }
            if wasRetry, let route { context.metrics.add(.retries, route: route.series) }
            let outcome = await attempt(upstream, index: index)
            switch outcome {
            case .responded:
                times.upstreamHead = context.reactor.now
                server.status.recordSuccess(now: context.reactor.now, isTrial: isTrial)
                if wasSentEarly, try await shouldAskAgain(upstream) { continue }
                try await passOn(upstream, server: server, series: series)
                return
            case .failed(let failure, let attempt):
                let now = context.reactor.now
                context.metrics.countFailure(server: series, reason: failure.metricIndex)
                // What is lacking here says nothing about the server; a trial has failed all the
                // same.
                if failure != .exhausted || isTrial,
                    server.status.recordFailure(
                        now: now,
                        isTrial: isTrial,
                        policy: upstream.balancer.ejection
                    )
                {
                    context.metrics.add(.ejections, server: series)
                }
                tried.insert(server)
                last = failure
                let decision = upstream.retryPolicy.decide(
                    attempt,
                    attemptsMade: attempts,
                    budget: &upstream.retryBudget,
                    now: now
                )
                // A connection that went stale says nothing against its server: the same one may be
                // asked again.
                if case .retry(.staleConnection) = decision { tried = TriedServers() }
                guard case .retry = decision else {
                    throw upstreamFailure(failure, upstream: upstream)
                }
            case .over(let failure): throw failure
            }
        }
    }

    /// What one attempt came to.
    private enum Outcome {
        /// A final response head has been read.
        case responded
        case failed(UpstreamFailure, FailedAttempt)
        case over(Failure)
    }

    @inline(__always)
    private mutating func attempt(_ upstream: UpstreamLoop, index: Int) async -> Outcome {
        var reused = false
        do throws(AttemptError) {
            reused = takeIdle(upstream, index: index)
            if !reused { try await connect(upstream, index: index) }
            if try !sendAtOnce(upstream) { try await sendRest() }
            try await readResponseHead(upstream)
            return .responded
        } catch {
            dropUpstream(upstream)
            releaseUpload()
            switch error {
            case .final(let failure): return .over(failure)
            case .upstream(let failure, let requestBytesSent, let responseSeen):
                let attempt = FailedAttempt(
                    failure: failure.kind,
                    isIdempotent: request.method.isIdempotent,
                    requestBytesSent: requestBytesSent,
                    responseBytesSeen: responseSeen,
                    connectionWasReused: reused,
                    body: bodyForReplay
                )
                return .failed(failure, attempt)
            }
        }
    }

    /// Chooses a server; it is counted as busy with this request from here on.
    ///
    /// If no server is left, the client is told why the attempt before failed.
    private mutating func choose(
        _ upstream: UpstreamLoop,
        key: UInt64?,
        tried: TriedServers,
        after failure: UpstreamFailure?
    ) throws(Failure) -> (Int, Bool) {
        let choice = upstream.balancer.choose(
            now: context.reactor.now,
            key: key,
            excluding: tried,
            random: context.reactor.random.next()
        )
        switch choice {
        case .server(let index, let isTrial): return (index, isTrial)
        case .none(let reason, let retryAfter):
            if let failure { throw upstreamFailure(failure, upstream: upstream) }
            let failure: UpstreamFailure =
                switch reason {
                case .busy: .busy
                case .noServers where upstream.servers.unresolved: .unresolved
                default: .noServer
                }
            throw Failure(
                status: failure.status,
                reason: .upstream(failure),
                retryAfter: seconds(retryAfter)
            )
        }
    }

    private mutating func upstreamFailure(_ failure: UpstreamFailure, upstream: UpstreamLoop)
        -> Failure
    {
        Failure(
            status: failure.status,
            reason: .upstream(failure),
            retryAfter: seconds(upstream.balancer.retryAfter(now: context.reactor.now))
        )
    }

    private mutating func seconds(_ nanoseconds: Int64) -> Int {
        max(ProxyLimits.retryAfterSeconds, Int((nanoseconds + 999_999_999) / 1_000_000_000))
    }

    /// Takes a connection that lies ready.
    /// - Returns: Whether there was one.
    private mutating func takeIdle(_ upstream: UpstreamLoop, index: Int) -> Bool {
        guard let idle = upstream.takeIdle(index) else { return false }
        context.metrics.add(.connectionsReused, server: idle.series)
        self.upstream = idle
        return true
    }

    /// Makes a connection.
    private mutating func connect(_ upstream: UpstreamLoop, index: Int)
        async throws(AttemptError)
    {
        let identity = upstream.balancer.servers[index].identity
        let series = upstream.servers.series[index]
        let reactor = context.reactor
        let address = upstream.servers.addresses[index]
        let timeout =
            route?.route.policy.timeouts.connect ?? upstream.runtime.configuration.connectTimeout
        let deadline = reactor.now + timeout
        let stream: EventLoop.Stream
        do throws(StreamError) {
            stream = try await reactor.connect(to: address, deadline: deadline)
        } catch {
            let failure: UpstreamFailure =
                switch error {
                case .timedOut: .connectTimeout
                case .system(let number) where number.isRefusal: .connectRefused
                case .system(let number) where number.isExhaustion: .exhausted
                default: .connectFailed
                }
            throw .upstream(failure, requestBytesSent: false, responseSeen: false)
        }
        do throws(UpstreamFailure) {
            try await upstream.secure(stream, index, deadline: deadline)
        } catch {
            throw .upstream(error, requestBytesSent: false, responseSeen: false)
        }
        let fresh = UpstreamConnection(
            stream: stream,
            identity: identity,
            series: series,
            serverNumber: index,
            now: reactor.now
        )
        self.upstream = fresh
        upstream.opened(fresh)
    }

    /// Closes the upstream connection of a failed attempt.
    mutating func dropUpstream(_ upstream: UpstreamLoop) {
        guard let connection = self.upstream else { return }
        self.upstream = nil
        upstream.noteTLSFailure(of: connection)
        upstream.close(connection)
    }

    /// The number that equal requests share, for an upstream that balances by a hash.
    mutating func balancingKey(_ balance: Balance) -> UInt64? {
        guard case .hash(let key) = balance else { return nil }
        switch key {
        case .clientAddress:
            guard let address = client.address else { return nil }
            return address.high &* 0x9E37_79B9_7F4A_7C15 ^ address.low
        case .host: return stableHash(request.host)
        case .path: return stableHash(request.path)
        case .uri: return stableHash(request.target)
        case .header(let name):
            let bytes = Array(name.utf8)
            guard let index = request.fields.first(named: bytes.span) else { return nil }
            return stableHash(request.fields.value(at: index))
        case .cookie(let name):
            let bytes = Array(name.utf8)
            for index in request.fields.indices where request.fields.known(at: index) == .cookie {
                let value = request.fields.value(at: index)
                if let range = cookieValue(named: bytes.span, in: value) {
                    return stableHash(value.extracting(range))
                }
            }
            return nil
        }
    }

    /// What is left of the body for another attempt.
    private var bodyForReplay: FailedAttempt.Body {
        mutating get {
            switch content {
            case .none: .none
            case .inInput, .buffered, .spilled: .buffered
            case .streaming:
                // Of a body that is complete, what ended it is gone too.
                !requestBody.isComplete && requestBody.contentBytes == ahead?.count ?? 0
                    ? .untouched : .consumed
            }
        }
    }
}

extension UpstreamFailure {
    /// The failure as the rules on retries sort it.
    var kind: FailedAttempt.Failure {
        switch self {
        case .connectRefused, .connectTimeout, .connectFailed, .noServer, .unresolved, .busy,
            .exhausted, .tlsFailed, .certificateUntrusted:
            .connect
        case .reset, .closed, .bodyIncomplete: .connectionLost
        case .responseTimeout, .bodyTimeout: .timeout
        case .invalidResponse: .invalidResponse
        }
    }
}

/// Where the value of a cookie stands in a Cookie field.
///
/// Source: RFC 6265 §4.2.1.
func cookieValue(named name: Span<UInt8>, in field: Span<UInt8>) -> Range<Int>? {
    var start = 0
    while start < field.count {
        var end = start
        while end < field.count && field[end] != UInt8(ascii: ";") { end += 1 }
        var first = start
        while first < end && field[first] == 0x20 { first += 1 }
        let afterName = first + name.count
        if afterName < end && field[afterName] == UInt8(ascii: "=")
            && field.extracting(first..<afterName).equals(name)
        {
            return afterName + 1..<end
        }
        start = end + 1
    }
    return nil
}
