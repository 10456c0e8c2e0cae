import CBrotli

/// A brotli stream.
///
/// The library has no reset: a stream is made for one content.
/// Source: RFC 7932.
@safe final class BrotliEngine {
    /// Made by `init`, destroyed by `deinit`.
    private let state: OpaquePointer

    /// Opens a stream.
    ///
    /// `quality`: 0 to 11. `size`: Bytes to come, or 0 if that is not known.
    init?(quality: UInt32, size: Int) {
        guard let made = unsafe BrotliEncoderCreateInstance(nil, nil, nil) else { return nil }
        unsafe state = made
        unsafe BrotliEncoderSetParameter(made, BROTLI_PARAM_QUALITY, quality)
        unsafe BrotliEncoderSetParameter(
            made,
            BROTLI_PARAM_LGWIN,
            CompressionLimits.brotliWindowLog
        )
        let hint = UInt32(clamping: size)
        if hint > 0 { unsafe BrotliEncoderSetParameter(made, BROTLI_PARAM_SIZE_HINT, hint) }
    }

    deinit { unsafe BrotliEncoderDestroyInstance(state) }

    /// Takes and makes what fits; bounded as in `ZlibEngine`.
    func step(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer,
        _ operation: CodecOperation
    ) -> CodecStep? {
        let code =
            switch operation {
            case .process: BROTLI_OPERATION_PROCESS
            case .flush: BROTLI_OPERATION_FLUSH
            case .finish: BROTLI_OPERATION_FINISH
            }
        return unsafe run(input, output, code)
    }

    /// Writes bytes that every decoder skips; before the first of the content.
    ///
    /// Source: RFC 7932 §9.2, a meta-block with MNIBBLES 0.
    func skip(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer)
        -> CodecStep?
    {
        unsafe run(input, output, BROTLI_OPERATION_EMIT_METADATA)
    }

    private func run(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer,
        _ operation: BrotliEncoderOperation
    ) -> CodecStep? {
        var offered = input.count
        var room = output.count
        var next = unsafe input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        var target = unsafe output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        let result = unsafe BrotliEncoderCompressStream(
            state,
            operation,
            &offered,
            &next,
            &room,
            &target,
            nil
        )
        guard result != 0 else { return nil }
        let isDone =
            operation == BROTLI_OPERATION_FINISH
            ? unsafe BrotliEncoderIsFinished(state) != 0
            : unsafe offered == 0 && BrotliEncoderHasMoreOutput(state) == 0
        return CodecStep(
            taken: input.count - offered,
            made: output.count - room,
            isDone: isDone
        )
    }
}
