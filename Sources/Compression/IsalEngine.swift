import CIsal

/// A raw deflate stream of ISA-L, level 1: a quarter of the work of zlib's level 1 on long
/// contents, and smaller besides.
///
/// Source: RFC 1951.
@safe final class IsalEngine {
    /// Allocated by `init`, freed by `deinit`; started before each use.
    private let stream: UnsafeMutablePointer<isal_zstream>
    /// The level's working memory; likewise.
    private let work: UnsafeMutablePointer<UInt8>

    init?() {
        guard let memory = unsafe gateway_isal_work() else { return nil }
        unsafe work = memory
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: isal_zstream())
        reset()
    }

    deinit {
        unsafe stream.deallocate()
        unsafe free(work)
    }

    /// Bytes that one takes.
    static var byteCount: Int { gateway_isal_bytes() }

    func reset() { unsafe gateway_isal_begin(stream, work) }

    /// Takes and makes what fits; bounded as in `ZlibEngine`.
    func step(
        _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer,
        _ operation: CodecOperation
    ) -> CodecStep? {
        var taken: UInt32 = 0
        var made: UInt32 = 0
        let code: Int32 =
            switch operation {
            case .process: 0
            case .flush: 1
            case .finish: 2
            }
        let result = unsafe gateway_isal_step(
            stream,
            input.baseAddress?.assumingMemoryBound(to: UInt8.self),
            UInt32(clamping: input.count),
            output.baseAddress?.assumingMemoryBound(to: UInt8.self),
            UInt32(clamping: output.count),
            code,
            &taken,
            &made
        )
        guard result >= 0 else { return nil }
        return CodecStep(taken: Int(taken), made: Int(made), isDone: result == 1)
    }

    /// Compresses a whole content; the stream has to be reset before it is used as one.
    ///
    /// - Returns: Bytes written, or 0 if they did not fit.
    func whole(_ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer) -> Int {
        unsafe gateway_isal_whole(
            stream,
            work,
            input.baseAddress?.assumingMemoryBound(to: UInt8.self),
            UInt32(clamping: input.count),
            output.baseAddress?.assumingMemoryBound(to: UInt8.self),
            UInt32(clamping: output.count)
        )
    }
}
