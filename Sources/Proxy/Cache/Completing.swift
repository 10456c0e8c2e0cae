import Balancing
import Bytes
import Caching
import EventLoop
import HTTP
import HTTP1
import Telemetry

/// Asking for the rest of a content whose first bytes are stored.
extension Exchange {
    /// Asks for the rest instead of the whole.
    ///
    /// Source: RFC 9111 §3.3, RFC 9110 §13.1.5.
    mutating func setRange(_ turn: CacheTurn) {
        guard let start = turn.start else { return }
        let range = Buffer()
        range.append("bytes=")
        range.append(decimal: start.contentCount)
        range.append(UInt8(ascii: "-"))
        request.fields.removeAll(.range)
        request.fields.removeAll(.ifRange)
        request.fields.append(.range, value: range.readable)
        request.fields.append(.ifRange, value: start.etag)
    }

    /// What the request for the rest brought.
    ///
    /// Returns Whether the response has been dealt with.
    mutating func complete(
        _ start: CachedResponse,
        _ turn: CacheTurn,
        _ upstream: UpstreamLoop,
        server: Balancing.Server,
        series: ServerSeries
    ) async throws(Failure) -> Bool {
        switch response.status {
        case 206, 416: break
        // Another content, which replaces the old one, or an error.
        default: return false
        }
        guard PartialContent.isRest(response, of: start), let part = start.part,
            let fill = turn.fill
        else {
            // No client has asked for a part.
            dropUpstream(upstream)
            try await askForWhole(turn, upstream)
            return true
        }
        var head = merge(start, response)
        head.setStatus(200)
        guard let whole = makeDraft(head, turn, length: part.total) else {
            dropUpstream(upstream)
            turn.runtime.store.remove(start)
            try await askForWhole(turn, upstream)
            return true
        }
        if !turn.isRefresh { countCache(turn.reason) }
        context.metrics.count(.cacheStored, route: route)
        turn.isStored = true
        fill.begin(whole, length: part.total, extent: turn.runtime.store.makeExtent(part.total))
        let piece = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(piece) }
        var offset = 0
        while offset < start.contentCount {
            piece.removeAll()
            let count = start.append(from: offset, atMost: LoopLimits.smallBuffer, to: piece)
            guard count > 0 else { throw Failure(status: 502, reason: .upstream(.bodyIncomplete)) }
            fill.append(piece.readable)
            offset += count
        }
        try await passOnStoring(
            turn,
            fill,
            whole,
            upstream,
            server: server,
            series: series,
            of: head
        )
        return true
    }

    /// Asks for the whole, once, as what is stored of it has turned out to be of no use.
    private mutating func askForWhole(_ turn: CacheTurn, _ upstream: UpstreamLoop)
        async throws(Failure)
    {
        turn.runtime.store.remove(turn.start)
        turn.start = nil
        guard !turn.isRepeated else {
            throw Failure(status: 502, reason: .upstream(.invalidResponse))
        }
        turn.isRepeated = true
        request.fields.removeAll(.range)
        request.fields.removeAll(.ifRange)
        try await forward(to: upstream)
    }
}
