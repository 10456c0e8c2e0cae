public import HTTP

/// Takes the chunked transfer coding off content, without touching the content.
///
/// A state machine over whatever pieces arrive: each call says what stands at the front of the
/// input and how much of it is done with, so that data passes through without a copy.
/// Source: RFC 9112 §7.1.
public struct ChunkedDecoder: Sendable {
    /// What stood at the front of the input.
    public enum Event: Equatable, Sendable {
        /// Content, at this place in the input; call again with what follows.
        case data(Range<Int>)
        /// Nothing more can be said before more bytes arrive.
        case needMore
        /// The content is over and `trailers` is complete.
        case end
        /// The coding is broken; the message must not be passed on as complete.
        case invalid(RejectReason)
    }

    /// An event, and how many bytes of the input are done with.
    public struct Step: Equatable, Sendable {
        /// Bytes at the front of the input that the caller must drop before the next call; a data
        /// event's bytes are among them.
        public let consumed: Int
        /// What stood there.
        public let event: Event
    }

    /// The fields of the trailer section, once `end` has come.
    ///
    /// What must not stand there is left out (`FieldNameSet.forbiddenInTrailers`).
    public private(set) var trailers = FieldSection()

    private enum State: Sendable {
        case header(ChunkHeader)
        case data(remaining: Int)
        case dataCR
        case dataLF
        case trailers
        case ended
        case failed(RejectReason)
    }

    private var state = State.header(ChunkHeader())
    private var extensionBytes = 0
    private var trailerBytes = 0
    /// Bytes of an incomplete trailer line that have been looked at.
    private var trailerScanned = 0

    /// A decoder that expects the first chunk.
    public init() {}

    /// Expects the first chunk of another message; memory is kept.
    public mutating func reset() {
        state = .header(ChunkHeader())
        extensionBytes = 0
        trailerBytes = 0
        trailerScanned = 0
        trailers.removeAll()
    }

    /// Whether everything up to the end of the trailer section has been read.
    public var isComplete: Bool { if case .ended = state { true } else { false } }

    /// Reads on.
    ///
    /// - Parameters:
    ///   - input: What follows the bytes consumed so far, all of it that has arrived. `needMore`
    ///     may leave some: an incomplete trailer line must be passed again with more.
    ///   - limits: The same at each call.
    /// - Returns: What stands at the front of the input.
    public mutating func next(_ input: Span<UInt8>, limits: MessageLimits) -> Step {
        var position = 0
        while true {
            switch state {
            case .header(var header):
                switch header.read(input, at: &position, limits: limits) {
                case .needMore:
                    state = .header(header)
                    return Step(consumed: position, event: .needMore)
                case .invalid(let reason):
                    return fail(reason, at: position)
                case .complete(let size):
                    extensionBytes += header.extensionBytes
                    guard extensionBytes <= limits.chunkExtensionTotal else {
                        return fail(.chunkExtensionTooLarge, at: position)
                    }
                    state = size == 0 ? .trailers : .data(remaining: size)
                }
            case .data(let remaining):
                let available = min(remaining, input.count - position)
                guard available > 0 else { return Step(consumed: position, event: .needMore) }
                let end = position + available
                state = available == remaining ? .dataCR : .data(remaining: remaining - available)
                return Step(consumed: end, event: .data(position..<end))
            case .dataCR, .dataLF:
                guard position < input.count else {
                    return Step(consumed: position, event: .needMore)
                }
                var expected: UInt8 = 0x0A
                var following = State.header(ChunkHeader())
                if case .dataCR = state {
                    expected = 0x0D
                    following = .dataLF
                }
                guard input[position] == expected else {
                    return fail(.invalidChunkEnd, at: position)
                }
                position += 1
                state = following
            case .trailers:
                return readTrailers(input, from: position, limits: limits)
            case .ended:
                return Step(consumed: position, event: .end)
            case .failed(let reason):
                return Step(consumed: position, event: .invalid(reason))
            }
        }
    }

    private mutating func fail(_ reason: RejectReason, at position: Int) -> Step {
        state = .failed(reason)
        return Step(consumed: position, event: .invalid(reason))
    }

    /// Reads whole lines of the trailer section.
    ///
    /// Source: RFC 9112 §7.1.2.
    private mutating func readTrailers(
        _ input: Span<UInt8>,
        from start: Int,
        limits: MessageLimits
    ) -> Step {
        var progress = HeadProgress()
        progress.lineStart = start
        progress.scanned = start + trailerScanned
        let room = max(0, limits.trailerSize - trailerBytes)
        let end = start + min(input.count - start, room)
        do throws(Interruption) {
            if end - start < room, !progress.mayDecide(input, to: end) { throw .incomplete }
            while true {
                let line = try FieldLines.read(
                    input,
                    from: progress.lineStart,
                    to: end,
                    origin: 0
                )
                switch line {
                case .end(let next):
                    state = .ended
                    return Step(consumed: next, event: .end)
                case .field(let known, let name, let value, let next):
                    guard trailers.count < limits.trailerCount else {
                        throw .invalid(.tooManyTrailers)
                    }
                    if !FieldNameSet.forbiddenInTrailers.contains(known) {
                        trailers.append(
                            name: input.extracting(Int(name.start)..<name.end),
                            value: input.extracting(Int(value.start)..<value.end)
                        )
                    }
                    trailerBytes += next - progress.lineStart
                    progress.lineStart = next
                }
            }
        } catch {
            let consumed = progress.lineStart
            if case .invalid(let reason) = error { return fail(reason, at: consumed) }
            // From the start of a line to the end of what there is, or of what there may be.
            guard end - consumed < limits.trailerSize - trailerBytes else {
                return fail(.trailerTooLarge, at: consumed)
            }
            progress.interrupted(input, at: end)
            trailerScanned = max(0, progress.scanned - consumed)
            return Step(consumed: consumed, event: .needMore)
        }
    }
}
