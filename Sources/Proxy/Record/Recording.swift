import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import Telemetry

extension Exchange {
    /// Leaves the client's connection as the exchange's end demands.
    mutating func finishConnection() {
        releaseContent()
        releaseUpload()
        if case .headSent(let endsWithConnection) = progress {
            // Cut short. A response that the connection's end would complete must not look whole.
            connection.stream.close(abruptly: endsWithConnection)
            keepsConnection = false
            end = .truncated
            return
        }
        if case .tunnelled = progress { return }
        if !requestBody.isComplete { keepsConnection = false }
        if context.isDraining { keepsConnection = false }
        connection.idleSince = context.reactor.now
        if let input = connection.input, input.isEmpty {
            connection.input = nil
            context.reactor.buffers.give(input)
        }
    }

    /// Counts the exchange and writes its line in the access log.
    mutating func record() {
        if limits != nil { leaveLimits() }
        let now = context.reactor.now
        context.exchangeCount -= 1
        context.metrics.adjust(.requestsInFlight, by: -1)
        let upstreamTime: Int64? =
            times.upstreamStarted == 0
            ? nil : (times.upstreamEnded == 0 ? now : times.upstreamEnded) - times.upstreamStarted
        let firstByte = times.firstByte == 0 ? nil : times.firstByte - times.started
        context.metrics.record(
            RequestFigures(
                route: route?.series ?? .unrouted,
                method: MethodLabel(request.methodBytes),
                status: status,
                total: now - times.started,
                upstream: upstreamTime,
                firstByte: firstByte,
                bytesReceived: bytesReceived,
                bytesSent: bytesSent
            )
        )
        let destination = route.map(\.log) ?? unrouted.map(\.log) ?? snapshot.topLog
        guard let destination, let log = context.log else { return }
        let format = route?.logFormat ?? unrouted?.logFormat ?? snapshot.topLogFormat
        writeLine(
            log,
            destination,
            format,
            total: now - times.started,
            upstream: upstreamTime,
            firstByte: firstByte
        )
    }

    private func writeLine(
        _ log: LoopLog,
        _ destination: LogDestination,
        _ format: AccessLogFormat,
        total: Int64,
        upstream: Int64?,
        firstByte: Int64?
    ) {
        let texts = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(texts) }
        write(client.address, to: texts)
        let clientEnd = texts.count
        write(connection.peer.address, to: texts)
        let peerEnd = texts.count
        requestID.write(to: texts)
        let failure = Array((failureName ?? "").utf8)
        let upstreamName = upstreamNameBytes
        let site = route?.site ?? []
        let name = route?.name ?? []
        let server = serverName
        let version = request.version == .http11 ? Exchange.http11 : Exchange.http10
        let all = texts.readable
        var record = AccessRecord(unixMilliseconds: times.startedUnixMilliseconds, status: status)
        record.bytesReceived = bytesReceived
        record.bytesSent = bytesSent
        record.contentBytesSent = contentBytesSent
        record.total = total
        record.upstreamDuration = upstream
        record.firstByte = firstByte
        record.upstreamStatus = upstreamStatus
        record.attempts = attempts
        record.client = all.extracting(0..<clientEnd)
        record.peer = all.extracting(clientEnd..<peerEnd)
        record.method = request.methodBytes
        record.target = request.target
        record.host = request.authority
        record.protocolVersion = version.span
        record.site = site.span
        record.route = name.span
        record.upstream = upstreamName.span
        record.server = server.span
        record.requestID = all.extracting(peerEnd..<all.count)
        if let index = request.fields.first(.referer) {
            record.referer = request.fields.value(at: index)
        }
        if let index = request.fields.first(.userAgent) {
            record.userAgent = request.fields.value(at: index)
        }
        record.error = failure.span
        log.append(record, as: format, to: destination)
    }

    private static let http11 = Array("HTTP/1.1".utf8)
    private static let http10 = Array("HTTP/1.0".utf8)

    /// A unix peer has no address; the log says so rather than nothing.
    private func write(_ address: IPAddress?, to texts: Buffer) {
        if let address { address.write(to: texts) } else { texts.append("unix:") }
    }

    private var upstreamNameBytes: [UInt8] {
        guard attempts > 0, let action = route?.route.action, case .proxy(let number) = action
        else {
            return []
        }
        return snapshot.upstreams[number].name
    }

    /// Bytes of content alone: what the common log format counts.
    private var contentBytesSent: Int {
        if route?.route.policy.compression != nil, let sent = coding?.contentBytesSent {
            return sent
        }
        return upstreamStatus != 0 ? responseBody.contentBytes : max(0, bytesSent - headBytes)
    }
}
