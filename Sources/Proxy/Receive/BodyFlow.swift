import Bytes
import HTTP
import HTTP1

/// A body on its way from one connection to another: framing taken off on one side and put on
/// anew on the other, so that nothing is passed on that was not understood.
///
/// Serves both directions. It moves bytes between buffers and waits for nothing.
struct BodyFlow {
    /// How the body is framed where it goes.
    enum Outgoing {
        /// As it is: a length was announced, or the end of the connection ends it.
        case identity
        case chunked
    }

    private(set) var incoming = BodyFraming.none
    private(set) var outgoing = Outgoing.identity
    /// Bytes of a `length` body still to come.
    private(set) var left = 0
    /// Bytes of content that came through.
    private(set) var contentBytes = 0
    /// Whether the last byte, and what frames it, has been moved.
    private(set) var isComplete = true
    private var decoder = ChunkedDecoder()

    /// Starts a body.
    mutating func begin(_ incoming: BodyFraming, as outgoing: Outgoing) {
        self.incoming = incoming
        self.outgoing = outgoing
        contentBytes = 0
        left = 0
        isComplete = false
        switch incoming {
        case .none: isComplete = true
        case .length(let length):
            left = length
            isComplete = length == 0
        case .chunked: decoder.reset()
        case .untilClose: break
        }
    }

    /// Changes how the body goes out, before any of it went.
    mutating func send(as outgoing: Outgoing) { self.outgoing = outgoing }

    /// Whether bytes go through unchanged, so that they need not be looked at.
    var isTransparent: Bool {
        if outgoing == .chunked { return false }
        switch incoming {
        case .length, .untilClose: return true
        case .none, .chunked: return false
        }
    }

    /// Takes note of bytes that went past the buffers: spliced, or received where they belong.
    mutating func passed(_ byteCount: Int) {
        contentBytes += byteCount
        if case .length = incoming {
            left -= byteCount
            if left == 0 { isComplete = true }
        }
    }

    /// Moves what is there; what follows the body stays in the source.
    /// - Throws: Why the body cannot be understood.
    mutating func move(from source: Buffer, to target: Buffer, limits: MessageLimits)
        throws(RejectReason)
    {
        if isComplete { return }
        switch incoming {
        case .none: isComplete = true
        case .length:
            let count = min(left, source.count)
            write(count, from: source, to: target)
            left -= count
            if left == 0 { complete(target) }
        case .untilClose: write(source.count, from: source, to: target)
        case .chunked: try decode(from: source, to: target, limits: limits)
        }
    }

    /// Takes note that the source has ended.
    /// - Returns: Whether the body is complete by that.
    mutating func sourceEnded(to target: Buffer) -> Bool {
        if case .untilClose = incoming, !isComplete { complete(target) }
        return isComplete
    }

    /// Whether trailers came behind the content.
    var hasTrailers: Bool {
        if case .chunked = incoming { !decoder.trailers.isEmpty } else { false }
    }

    /// Writes what ends the body where it goes in chunks that others made of it: with the trailers
    /// that came, but for those which speak of the bytes.
    func writeLastChunk(to target: Buffer) {
        guard case .chunked = incoming else {
            target.writeLastChunk()
            return
        }
        var trailers = decoder.trailers
        trailers.removeDigests()
        target.writeLastChunk(trailers: trailers)
    }

    private mutating func decode(from source: Buffer, to target: Buffer, limits: MessageLimits)
        throws(RejectReason)
    {
        // Each step consumes something or ends the loop.
        while true {
            let step = decoder.next(source.readable, limits: limits)
            switch step.event {
            case .data(let range):
                source.consume(range.lowerBound)
                write(range.count, from: source, to: target)
            case .needMore:
                source.consume(step.consumed)
                return
            case .end:
                source.consume(step.consumed)
                complete(target)
                return
            case .invalid(let reason): throw reason
            }
        }
    }

    private mutating func write(_ count: Int, from source: Buffer, to target: Buffer) {
        if count == 0 { return }
        contentBytes += count
        if outgoing == .chunked { target.writeChunkHeader(size: count) }
        target.move(count, from: source)
        if outgoing == .chunked { target.writeChunkEnd() }
    }

    private mutating func complete(_ target: Buffer) {
        isComplete = true
        guard outgoing == .chunked else { return }
        if case .chunked = incoming {
            target.writeLastChunk(trailers: decoder.trailers)
        } else {
            target.writeLastChunk()
        }
    }
}
