import CZstd

/// A zstd compressor, for streams and for whole contents, to be used again after a reset.
///
/// Source: RFC 8878.
@safe final class ZstdEngine {
    /// Made by `init`, freed by `deinit`.
    private let context: OpaquePointer
    /// What the context refers to, which has to outlive its use.
    private var dictionary: CompressionDictionary?

    init?() {
        guard let made = unsafe ZSTD_createCCtx() else { return nil }
        unsafe context = made
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// Begins a frame.
    ///
    /// `level`: 1 to 19. `size`: Bytes to come, or nil if that is not known.
    func reset(level: Int32, size: Int?) {
        unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        if let size {
            unsafe ZSTD_CCtx_setPledgedSrcSize(context, UInt64(clamping: size))
            if level == CompressionLimits.zstdTunedLevel {
                let log = CompressionLimits.zstdWholeTableLog
                unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, log)
                unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, log)
            }
        } else {
            let log = CompressionLimits.zstdWindowLog
            unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, log)
            // Tables larger than the window would find nothing more in it.
            unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, log - 1)
            unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_chainLog, log - 1)
        }
    }

    /// Begins a frame that needs a dictionary to be read.
    ///
    /// `size`: Bytes to come, or nil if that is not known.
    func reset(dictionary: CompressionDictionary, size: Int?) {
        unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
        unsafe ZSTD_CCtx_refCDict(context, dictionary.prepared)
        self.dictionary = dictionary
        let log = dictionary.windowLog(forLength: size)
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, log)
        if let size { unsafe ZSTD_CCtx_setPledgedSrcSize(context, UInt64(clamping: size)) }
    }

    /// Lets go of the dictionary.
    func forgetDictionary() {
        guard dictionary != nil else { return }
        unsafe ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
        dictionary = nil
    }

    /// Takes and makes what fits; bounded as in `ZlibEngine`.
    func step(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer,
        _ operation: CodecOperation
    ) -> CodecStep? {
        let code =
            switch operation {
            case .process: ZSTD_e_continue
            case .flush: ZSTD_e_flush
            case .finish: ZSTD_e_end
            }
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let left = unsafe ZSTD_compressStream2(context, &target, &source, code)
        guard ZSTD_isError(left) == 0 else { return nil }
        let taken = unsafe source.pos
        let made = unsafe target.pos
        return CodecStep(
            taken: taken,
            made: made,
            isDone: operation == .process ? taken == input.count : left == 0
        )
    }
}
