import Bytes
import CLibdeflate
import HTTP

/// Compresses contents that are there whole, in one go.
///
/// One for each loop is enough: nothing of it is in use between two contents. Its compressors are
/// made when they are first needed.
@safe final class WholeEncoder {
    /// libdeflate's compressors by level, 1 to 9; each made by it and freed by `deinit`.
    private var compressors: [OpaquePointer?] = unsafe Array(repeating: nil, count: 10)
    private var isal: IsalEngine?
    private var zstd: ZstdEngine?

    init() {}

    deinit {
        for index in unsafe compressors.indices {
            unsafe libdeflate_free_compressor(compressors[index])
        }
    }

    /// Compresses.
    ///
    /// `source` is not changed.
    ///
    /// `target`: Gets the content.
    func encode(
        _ source: Buffer,
        to target: Buffer,
        _ coding: ContentCoding,
        _ level: CompressionLevel,
        dictionary: CompressionDictionary?,
        padding: Int
    ) throws(CodecError) {
        switch coding {
        case .gzip, .deflate:
            try deflate(source, to: target, coding, level, padding: padding)
        case .brotli: try brotli(source, to: target, level, padding: padding)
        case .zstd: try zstd(source, to: target, level, padding: padding)
        case .dictionaryZstd:
            guard let dictionary else { throw .failed }
            try zstd(source, to: target, dictionary, padding: padding)
        }
    }

    private func deflate(
        _ source: Buffer,
        to target: Buffer,
        _ coding: ContentCoding,
        _ level: CompressionLevel,
        padding: Int
    ) throws(CodecError) {
        var framing = DeflateFraming(coding == .gzip ? .gzip : .zlib)
        framing.writeHeader(padding: padding, to: target)
        // Content that does not compress is stored: 5 bytes for each block of at least 5,000.
        target.reserve(source.count + source.count / 512 + 512)
        let made: Int
        if level == .fast {
            guard let isal = isal ?? IsalEngine() else { throw .failed }
            self.isal = isal
            made = unsafe source.withBytes { input in
                unsafe target.fill { unsafe isal.whole(input, $0) }
            }
        } else {
            guard let compressor = unsafe compressor(level == .small ? 9 : 6) else {
                throw .failed
            }
            made = unsafe source.withBytes { input in
                unsafe target.fill { output in
                    unsafe libdeflate_deflate_compress(
                        compressor,
                        input.baseAddress,
                        input.count,
                        output.baseAddress,
                        output.count
                    )
                }
            }
        }
        guard made > 0 else { throw .failed }
        _ = unsafe source.withBytes { input -> Int in
            unsafe framing.add(input)
            return 0
        }
        framing.writeTrailer(to: target)
    }

    private func compressor(_ level: Int) -> OpaquePointer? {
        if let made = unsafe compressors[level] { return unsafe made }
        unsafe compressors[level] = libdeflate_alloc_compressor(Int32(level))
        return unsafe compressors[level]
    }

    private func brotli(
        _ source: Buffer,
        to target: Buffer,
        _ level: CompressionLevel,
        padding: Int
    ) throws(CodecError) {
        guard case .brotli(let quality) = EncoderKind(stream: .brotli, level),
            let brotli = BrotliEngine(quality: quality, size: source.count)
        else { throw .failed }
        if padding > 0 { try target.writeBrotliPadding(padding, with: brotli) }
        unsafe try finish(source, to: target) { unsafe brotli.step($0, $1, .finish) }
    }

    private func zstd(
        _ source: Buffer,
        to target: Buffer,
        _ level: CompressionLevel,
        padding: Int
    ) throws(CodecError) {
        guard case .zstd(let number) = EncoderKind(stream: .zstd, level),
            let zstd = zstd ?? ZstdEngine()
        else { throw .failed }
        self.zstd = zstd
        if padding > 0 { target.writeZstdPadding(padding) }
        zstd.reset(level: number, size: source.count)
        unsafe try finish(source, to: target) { unsafe zstd.step($0, $1, .finish) }
    }

    private func zstd(
        _ source: Buffer,
        to target: Buffer,
        _ dictionary: CompressionDictionary,
        padding: Int
    ) throws(CodecError) {
        guard let zstd = zstd ?? ZstdEngine() else { throw .failed }
        self.zstd = zstd
        target.writeDictionaryHeader(dictionary.hash)
        if padding > 0 { target.writeZstdPadding(padding) }
        zstd.reset(dictionary: dictionary, size: source.count)
        defer { zstd.forgetDictionary() }
        unsafe try finish(source, to: target) { unsafe zstd.step($0, $1, .finish) }
    }

    /// Runs a library over all of a content; there is room for it, whatever it is.
    private func finish(
        _ source: Buffer,
        to target: Buffer,
        _ call: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> CodecStep?
    ) throws(CodecError) {
        var offset = 0
        while true {
            target.reserve(source.count + source.count / 128 + 1024)
            var step: CodecStep?
            _ = unsafe source.withBytes { input -> Int in
                unsafe target.fill { output in
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: input[offset...])
                    step = unsafe call(rest, output)
                    return step?.made ?? 0
                }
            }
            guard let step else { throw .failed }
            offset += step.taken
            if step.isDone { return }
            if step.taken == 0 && step.made == 0 { throw .failed }
        }
    }
}

extension Buffer {
    /// Lends the unread bytes without taking them.
    fileprivate func withBytes(_ body: (UnsafeRawBufferPointer) -> Int) -> Int {
        var result = 0
        _ = unsafe drain { bytes in
            result = unsafe body(bytes)
            return 0
        }
        return result
    }
}
