import CBrotli
import CZlib
import CZstd

/// zlib's decoder, for gzip and for zlib's format.
///
/// Source: RFC 1950, RFC 1951, RFC 1952.
@safe final class InflateEngine {
    /// Allocated and initialised by `init`, ended and freed by `deinit`.
    private let stream: UnsafeMutablePointer<z_stream>
    private let isGzip: Bool
    /// Whether a member has ended; another one may follow.
    private var isBetweenMembers = false

    enum Format: Int32 {
        case gzip = 31
        case zlib = 15
        /// What some servers send and call deflate.
        case raw = -15
    }

    init?(_ format: Format) {
        isGzip = format == .gzip
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe gateway_inflate_open(stream, format.rawValue) == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Takes and makes what fits; bounded as in `ZlibEngine`.
    func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> CodecStep?
    {
        if isBetweenMembers {
            if unsafe input.isEmpty { return CodecStep(isDone: true) }
            // Source: RFC 1952 §2.2, "A gzip file consists of a series of members".
            guard isGzip, unsafe inflateReset(stream) == Z_OK else { return nil }
            isBetweenMembers = false
        }
        let offered = UInt32(clamping: input.count)
        let room = UInt32(clamping: output.count)
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        )
        unsafe stream.pointee.avail_in = offered
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = room
        let result = unsafe inflate(stream, Z_NO_FLUSH)
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return nil }
        isBetweenMembers = result == Z_STREAM_END
        let taken = unsafe Int(offered - stream.pointee.avail_in)
        let made = unsafe Int(room - stream.pointee.avail_out)
        return CodecStep(taken: taken, made: made, isDone: result == Z_STREAM_END)
    }
}

/// brotli's decoder.
///
/// Source: RFC 7932.
@safe final class BrotliDecoderEngine {
    /// Made by `init`, destroyed by `deinit`.
    private let state: OpaquePointer

    init?() {
        guard let made = unsafe BrotliDecoderCreateInstance(nil, nil, nil) else { return nil }
        unsafe state = made
    }

    deinit { unsafe BrotliDecoderDestroyInstance(state) }

    /// Takes and makes what fits; bounded as in `ZlibEngine`.
    func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> CodecStep?
    {
        if unsafe BrotliDecoderIsFinished(state) != 0 {
            // Nothing may follow the last meta-block.
            return unsafe input.isEmpty ? CodecStep(isDone: true) : nil
        }
        var offered = input.count
        var room = output.count
        var next = unsafe input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var target = unsafe output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let result = unsafe BrotliDecoderDecompressStream(
            state,
            &offered,
            &next,
            &room,
            &target,
            nil
        )
        guard result != BROTLI_DECODER_RESULT_ERROR else { return nil }
        return CodecStep(
            taken: input.count - offered,
            made: output.count - room,
            isDone: result == BROTLI_DECODER_RESULT_SUCCESS
        )
    }
}

/// zstd's decoder.
///
/// Source: RFC 8878.
@safe final class ZstdDecoderEngine {
    /// Made by `init`, freed by `deinit`.
    private let context: OpaquePointer
    /// Whether a frame has ended; another one may follow.
    private var isBetweenFrames = false
    /// Whether the last call filled its room, so that more may be inside.
    private var mayHoldMore = false

    init?() {
        guard let made = unsafe ZSTD_createDCtx() else { return nil }
        unsafe context = made
        unsafe ZSTD_DCtx_setParameter(
            context,
            ZSTD_d_windowLogMax,
            CompressionLimits.zstdDecoderWindowLog
        )
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// Takes and makes what fits; bounded as in `ZlibEngine`.
    func step(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> CodecStep?
    {
        // The library takes 16 calls without progress for an error.
        if unsafe input.isEmpty && !mayHoldMore { return CodecStep(isDone: isBetweenFrames) }
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = unsafe ZSTD_decompressStream(context, &target, &source)
        guard ZSTD_isError(left) == 0 else { return nil }
        isBetweenFrames = left == 0
        mayHoldMore = unsafe target.pos == target.size
        return unsafe CodecStep(taken: source.pos, made: target.pos, isDone: left == 0)
    }
}
