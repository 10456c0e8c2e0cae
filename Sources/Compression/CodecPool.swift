public import Bytes
public import HTTP

/// The codecs of one loop: those in use, those that wait to be used again, and the memory that they
/// may take together.
///
/// Content that has no codec left goes out as it is. It belongs to one loop and is deliberately not
/// `Sendable`.
public final class CodecPool {
    private var idle: [EncoderKind: [StreamEncoder]] = [:]
    private let whole = WholeEncoder()
    /// Bytes that codecs may take, those that wait included.
    public var limit: Int {
        didSet { trim(to: limit) }
    }
    /// Bytes that codecs take now, by what one of each kind takes at most.
    public private(set) var bytesUsed = 0
    /// Bytes of those that wait.
    private var bytesIdle = 0
    /// Codecs handed out and not given back: 0 when nothing is in flight.
    public private(set) var lent = 0

    /// A pool without codecs.
    /// - Parameter limit: Bytes that they may take.
    public init(limit: Int) { self.limit = limit }

    /// Takes an encoder and begins a content with it.
    /// - Parameters:
    ///   - coding: Any.
    ///   - level: How hard it tries; with a dictionary there is one level only.
    ///   - dictionary: What the content is coded with, for the one coding that needs one.
    ///   - length: Bytes of the content, if that is known; exactly so many have to come then.
    ///   - padding: Bytes of padding put in front.
    ///   - target: Gets what stands in front of the content.
    /// - Returns: nil when the memory is used up.
    public func takeEncoder(
        _ coding: ContentCoding,
        _ level: CompressionLevel,
        dictionary: CompressionDictionary? = nil,
        length: Int? = nil,
        padding: Int = 0,
        to target: Buffer
    ) -> StreamEncoder? {
        let kind =
            dictionary.map { .dictionary(windowLog: $0.windowLog(forLength: length)) }
            ?? EncoderKind(stream: coding, level)
        guard let encoder = takeIdle(kind) ?? make(kind) else { return nil }
        do throws(CodecError) {
            try encoder.begin(
                coding,
                with: dictionary.map { ($0, length) },
                padding: padding,
                to: target
            )
        } catch {
            release(kind.byteCount)
            return nil
        }
        return encoder
    }

    /// Gives an encoder back, whatever has become of its content.
    public func give(_ encoder: StreamEncoder) {
        lent -= 1
        let kind = encoder.kind
        switch kind {
        case .brotli, .dictionary:
            // brotli has no reset, and the other would hold on to its dictionary.
            bytesUsed -= kind.byteCount
            return
        case .zlib, .isal, .zstd: break
        }
        guard idle[kind, default: []].count < CompressionLimits.idleOfKind, bytesUsed <= limit
        else {
            bytesUsed -= kind.byteCount
            return
        }
        idle[kind, default: []].append(encoder)
        bytesIdle += kind.byteCount
    }

    /// Compresses a content that is there whole.
    /// - Parameters:
    ///   - source: Stays as it is.
    ///   - target: Gets the content.
    ///   - coding: Any.
    ///   - level: How hard it tries; with a dictionary there is one level only.
    ///   - dictionary: What the content is coded with, for the one coding that needs one.
    ///   - padding: Bytes of padding put in front.
    /// - Throws: `failed`; then what the target got is worth nothing.
    public func encodeWhole(
        _ source: Buffer,
        to target: Buffer,
        _ coding: ContentCoding,
        _ level: CompressionLevel,
        dictionary: CompressionDictionary? = nil,
        padding: Int = 0
    ) throws(CodecError) {
        try whole.encode(
            source,
            to: target,
            coding,
            level,
            dictionary: dictionary,
            padding: padding
        )
    }

    /// Makes a decoder, to be given back by `giveDecoder`.
    /// - Returns: nil when the memory is used up.
    public func takeDecoder(_ coding: ContentCoding) -> StreamDecoder? {
        let size = StreamDecoder.byteCount(coding)
        guard reserve(size) else { return nil }
        guard let decoder = StreamDecoder(coding) else {
            bytesUsed -= size
            return nil
        }
        lent += 1
        return decoder
    }

    /// Takes note that a decoder is not used any more.
    public func giveDecoder(_ coding: ContentCoding) {
        release(StreamDecoder.byteCount(coding))
    }

    private func takeIdle(_ kind: EncoderKind) -> StreamEncoder? {
        guard let encoder = idle[kind]?.popLast() else { return nil }
        bytesIdle -= kind.byteCount
        lent += 1
        return encoder
    }

    private func make(_ kind: EncoderKind) -> StreamEncoder? {
        guard reserve(kind.byteCount) else { return nil }
        guard let encoder = StreamEncoder(kind) else {
            bytesUsed -= kind.byteCount
            return nil
        }
        lent += 1
        return encoder
    }

    private func release(_ byteCount: Int) {
        lent -= 1
        bytesUsed -= byteCount
    }

    /// Counts memory as used; idle encoders make way for it.
    private func reserve(_ byteCount: Int) -> Bool {
        guard bytesUsed - bytesIdle + byteCount <= limit else { return false }
        if bytesUsed + byteCount > limit { trim(to: limit - byteCount) }
        bytesUsed += byteCount
        return true
    }

    /// Drops idle encoders until no more than so many bytes are used.
    private func trim(to target: Int) {
        for kind in idle.keys {
            while bytesUsed > target, idle[kind]?.popLast() != nil {
                bytesUsed -= kind.byteCount
                bytesIdle -= kind.byteCount
            }
        }
    }
}
