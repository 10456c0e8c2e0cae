public import Bytes
import HTTP

/// Compresses one content as it flows.
///
/// It belongs to one loop and is deliberately not `Sendable`. A `CodecPool` hands it out and takes
/// it back.
public final class StreamEncoder {
    private enum Engine {
        case zlib(ZlibEngine)
        case isal(IsalEngine)
        case brotli(BrotliEngine)
        case zstd(ZstdEngine)
    }

    /// The library and its level.
    public let kind: EncoderKind
    private var engine: Engine
    /// Around a deflate stream.
    private var framing: DeflateFraming?
    /// Whether something went in that has not been flushed out.
    public private(set) var hasUnflushed = false
    /// Whether the content has ended.
    public private(set) var isFinished = false

    /// Makes an encoder; `begin` has to follow.
    ///
    /// `kind`: The library and its level.
    /// Returns nil when there is no memory.
    init?(_ kind: EncoderKind) {
        self.kind = kind
        switch kind {
        case .zlib(let level):
            guard let made = ZlibEngine(level: level) else { return nil }
            engine = .zlib(made)
        case .isal:
            guard let made = IsalEngine() else { return nil }
            engine = .isal(made)
        case .brotli(let quality):
            guard let made = BrotliEngine(quality: quality, size: 0) else { return nil }
            engine = .brotli(made)
        case .zstd, .dictionary:
            guard let made = ZstdEngine() else { return nil }
            engine = .zstd(made)
        }
    }

    /// Begins a content.
    /// - Parameters:
    ///   - coding: One that the encoder's library makes.
    ///   - dictionary: What the content is coded with, and the content's bytes if they are known;
    ///     for that coding alone.
    ///   - padding: Bytes of padding put in front, by the coding's own means; deflate has none.
    ///   - target: Gets what stands in front.
    /// - Throws: `failed`.
    func begin(
        _ coding: ContentCoding,
        with dictionary: (CompressionDictionary, size: Int?)? = nil,
        padding: Int,
        to target: Buffer
    ) throws(CodecError) {
        isFinished = false
        hasUnflushed = false
        framing = nil
        switch engine {
        case .zlib(let zlib): zlib.reset()
        case .isal(let isal): isal.reset()
        case .brotli(let brotli):
            if padding > 0 { try target.writeBrotliPadding(padding, with: brotli) }
        case .zstd(let zstd):
            if case .zstd(let level) = kind { zstd.reset(level: level, size: nil) }
            if case .dictionary = kind {
                guard let (dictionary, size) = dictionary else { throw .failed }
                zstd.reset(dictionary: dictionary, size: size)
                target.writeDictionaryHeader(dictionary.hash)
            }
            if padding > 0 { target.writeZstdPadding(padding) }
        }
        if coding == .gzip || coding == .deflate {
            let framing = DeflateFraming(coding == .gzip ? .gzip : .zlib)
            framing.writeHeader(padding: padding, to: target)
            self.framing = framing
        }
    }

    /// Takes what a source holds.
    /// - Parameters:
    ///   - source: Emptied as far as the limit allows.
    ///   - target: Gets what comes out.
    ///   - operation: What is asked for besides; carried out once the source is empty.
    ///   - limit: Bytes taken at most.
    /// - Returns: Whether the source is empty and the operation carried out.
    /// - Throws: `failed`, after which the content cannot be completed.
    public func encode(
        _ source: Buffer,
        to target: Buffer,
        _ operation: CodecOperation,
        limit: Int = .max
    ) throws(CodecError) -> Bool {
        if isFinished { return true }
        if operation != .finish && source.isEmpty && !(operation == .flush && hasUnflushed) {
            return true
        }
        let takesAll = source.count <= limit
        let operation = takesAll ? operation : .process
        var left = min(source.count, limit)
        while true {
            target.reserve(CompressionLimits.outputStep)
            guard let step = self.step(source, target, operation, limit: left) else {
                throw .failed
            }
            left -= step.taken
            if step.isDone { break }
            // Neither took nor made anything: the library would do so for ever.
            if step.taken == 0 && step.made == 0 { throw .failed }
        }
        hasUnflushed = operation == .process
        if operation == .finish {
            framing?.writeTrailer(to: target)
            isFinished = true
        }
        return takesAll
    }

    private func step(
        _ source: Buffer,
        _ target: Buffer,
        _ operation: CodecOperation,
        limit: Int
    ) -> CodecStep? {
        var step: CodecStep?
        _ = unsafe source.drain { bytes in
            let input = unsafe UnsafeRawBufferPointer(
                rebasing: bytes[..<min(limit, bytes.count)]
            )
            _ = unsafe target.fill { output in
                step = unsafe call(input, output, operation)
                return step?.made ?? 0
            }
            let taken = step?.taken ?? 0
            unsafe framing?.add(UnsafeRawBufferPointer(rebasing: input[..<taken]))
            return taken
        }
        return step
    }

    private func call(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer,
        _ operation: CodecOperation
    ) -> CodecStep? {
        switch engine {
        case .zlib(let zlib): unsafe zlib.step(input, output, operation)
        case .isal(let isal): unsafe isal.step(input, output, operation)
        case .brotli(let brotli): unsafe brotli.step(input, output, operation)
        case .zstd(let zstd): unsafe zstd.step(input, output, operation)
        }
    }
}

extension Buffer {
    /// Writes a frame that every decoder skips.
    ///
    /// Source: RFC 8878 §3.1.2.
    func writeZstdPadding(_ count: Int) {
        let count = min(max(count, 0), CompressionLimits.paddingBytes)
        for byte in [0x50, 0x2A, 0x4D, 0x18] as [UInt8] { append(byte) }
        append(UInt8(truncatingIfNeeded: count))
        append(UInt8(truncatingIfNeeded: count >> 8))
        append(0)
        append(0)
        for _ in 0..<count { append(0) }
    }

    /// Writes a meta-block that every decoder skips.
    func writeBrotliPadding(_ count: Int, with brotli: BrotliEngine) throws(CodecError) {
        let padding = Buffer(capacity: CompressionLimits.paddingBytes)
        // A single byte is written in a way that the library's own decoder rejects (1.0.9).
        for _ in 0..<min(max(count, 2), CompressionLimits.paddingBytes) { padding.append(0) }
        while true {
            reserve(2 * CompressionLimits.paddingBytes)
            var step: CodecStep?
            _ = unsafe padding.drain { input in
                _ = unsafe fill { output in
                    step = unsafe brotli.skip(input, output)
                    return step?.made ?? 0
                }
                return step?.taken ?? 0
            }
            guard let step else { throw .failed }
            if step.isDone { return }
            if step.taken == 0 && step.made == 0 { throw .failed }
        }
    }
}
