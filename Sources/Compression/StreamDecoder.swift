public import Bytes
public import HTTP

/// Takes a content coding off a content as it flows.
///
/// The bytes are the network's: whatever they are, what comes out is bounded by the room given,
/// and what is no content of that coding, or ends early, is `malformed`.
public final class StreamDecoder {
    private enum Engine {
        case inflate(InflateEngine)
        case brotli(BrotliDecoderEngine)
        case zstd(ZstdDecoderEngine)
        /// `deflate` before its first bytes have said which of two formats it is.
        case undecided
    }

    private var engine: Engine
    /// Bytes taken so far.
    public private(set) var bytesTaken = 0
    /// Bytes made so far.
    public private(set) var bytesMade = 0
    /// Whether the content is complete, as far as the bytes so far go.
    private var isAtEnd = false

    /// Makes a decoder; nil when there is no memory, or the coding needs a dictionary.
    init?(_ coding: ContentCoding) {
        switch coding {
        case .gzip:
            guard let made = InflateEngine(.gzip) else { return nil }
            engine = .inflate(made)
        case .deflate: engine = .undecided
        case .brotli:
            guard let made = BrotliDecoderEngine() else { return nil }
            engine = .brotli(made)
        case .zstd:
            guard let made = ZstdDecoderEngine() else { return nil }
            engine = .zstd(made)
        case .dictionaryZstd: return nil
        }
    }

    /// Bytes of memory that one takes at most.
    public static func byteCount(_ coding: ContentCoding) -> Int {
        switch coding {
        case .gzip, .deflate: 48 << 10
        // A window as large as the sender chooses, and about as much again.
        case .brotli: 17 << 20
        case .zstd, .dictionaryZstd: 9 << 20
        }
    }

    /// Decodes what is there, until the source is empty or the target holds `limit` bytes.
    /// - Parameters:
    ///   - source: Emptied as far as the limit allows.
    ///   - target: Gets the content.
    ///   - limit: Bytes in the target at most; more than `outputStep` below it may stay unused.
    ///   - sourceHasEnded: Whether nothing will follow.
    /// - Returns: Whether all that can be made of the source has come out.
    /// - Throws: `malformed`, also when the source ends before the content does.
    public func decode(_ source: Buffer, to target: Buffer, limit: Int, sourceHasEnded: Bool)
        throws(CodecError) -> Bool
    {
        if case .undecided = engine {
            guard source.count >= 2 || sourceHasEnded else { return true }
            try decide(source)
        }
        while true {
            if target.count >= limit { return false }
            target.reserve(min(limit - target.count, CompressionLimits.outputStep))
            guard let step = self.step(source, target, room: limit - target.count) else {
                throw .malformed
            }
            bytesTaken += step.taken
            bytesMade += step.made
            if step.taken > 0 || step.made > 0 { isAtEnd = step.isDone }
            if step.isDone && source.isEmpty { break }
            // Nothing moved although there was room: more input is needed, which may never come.
            if step.taken == 0 && step.made == 0 { break }
        }
        if sourceHasEnded && !(isAtEnd && source.isEmpty) { throw .malformed }
        return true
    }

    /// Source: RFC 1950 §2.2: what no zlib header could be is taken as a raw deflate stream.
    private func decide(_ source: Buffer) throws(CodecError) {
        let bytes = source.readable
        guard bytes.count >= 2 else { throw .malformed }
        let header = Int(bytes[0]) << 8 | Int(bytes[1])
        let isZlib = bytes[0] & 0x0F == 8 && header % 31 == 0
        guard let made = InflateEngine(isZlib ? .zlib : .raw) else { throw .failed }
        engine = .inflate(made)
    }

    private func step(_ source: Buffer, _ target: Buffer, room: Int) -> CodecStep? {
        var step: CodecStep?
        _ = unsafe source.drain { input in
            _ = unsafe target.fill { output in
                let space = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: output[..<min(room, output.count)]
                )
                step = unsafe call(input, space)
                return step?.made ?? 0
            }
            return step?.taken ?? 0
        }
        return step
    }

    private func call(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> CodecStep?
    {
        switch engine {
        case .inflate(let inflate): unsafe inflate.step(input, output)
        case .brotli(let brotli): unsafe brotli.step(input, output)
        case .zstd(let zstd): unsafe zstd.step(input, output)
        case .undecided: nil
        }
    }
}
