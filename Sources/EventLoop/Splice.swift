import CLinux

/// Moving a body from socket to socket without its entering the process.
extension Stream {
    /// Whether both ends are plain sockets, which is what `splice(2)` can connect.
    public func canSplice(to target: Stream) -> Bool {
        descriptor != nil && target.descriptor != nil
    }

    /// Moves bytes to another stream through a pipe, with backpressure from either side.
    ///
    /// - Parameters:
    ///   - target: Where the bytes go.
    ///   - length: Bytes to move, or nil for all until the end of this stream.
    ///   - readTimeout: Nanoseconds that this stream may stay silent.
    ///   - writeTimeout: Nanoseconds that the target may take nothing.
    ///   - progress: Told of the bytes that reached the target, as they do.
    /// - Returns: Bytes moved: fewer than `length` when this stream ended before.
    /// - Throws: `SpliceError`, which says whose side failed.
    public func splice(
        to target: Stream, length: Int64?, readTimeout: Int64, writeTimeout: Int64,
        progress: (Int) -> Void
    ) async throws(SpliceError) -> Int64 {
        guard let source = descriptor, let sink = target.descriptor,
            let pipe = reactor.takePipe()
        else { throw .unavailable }
        defer { reactor.givePipe(pipe) }
        var left = length ?? .max
        var moved: Int64 = 0
        var ended = false
        while true {
            if left > 0 && !ended && pipe.count < pipe.capacity && mayRead {
                let taken = try takeIn(from: source, into: pipe, atMost: left)
                if let taken {
                    if length != nil { left -= Int64(taken) }
                    if taken == 0 { ended = true }
                }
            }
            if pipe.count > 0 && target.mayWrite {
                let given = try giveOut(from: pipe, to: sink, target: target, more: left > 0 && !ended)
                moved += Int64(given)
                if given > 0 { progress(given) }
            }
            if pipe.count == 0 && (left == 0 || ended) { return moved }
            if pipe.count > 0 && !target.mayWrite {
                do {
                    try await target.waitUntilWritable(deadline: reactor.now + writeTimeout)
                } catch { throw .target(error) }
            } else if pipe.count == 0 && !mayRead {
                do {
                    try await waitUntilReadable(deadline: reactor.now + readTimeout)
                } catch { throw .source(error) }
            }
        }
    }

    private func takeIn(from source: Int32, into pipe: SplicePipe, atMost left: Int64)
        throws(SpliceError) -> Int?
    {
        let wanted = Int(min(Int64(pipe.capacity - pipe.count), left))
        let flags = UInt32(SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
        // No offsets: both ends are streams.
        let result = retrying { CLinux.splice(source, nil, pipe.writeEnd, nil, wanted, flags) }
        if result >= 0 {
            pipe.count += result
            return result
        }
        guard gateway_errno() == EAGAIN else { throw .source(StreamError(errno: gateway_errno())) }
        // Either the socket is empty or the pipe has no free page left; the latter clears itself as
        // the pipe drains, so only an empty pipe says that the socket is to be waited for.
        if pipe.count == 0 { mayRead = false }
        return nil
    }

    private func giveOut(from pipe: SplicePipe, to sink: Int32, target: Stream, more: Bool)
        throws(SpliceError) -> Int
    {
        var flags = UInt32(SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
        if more { flags |= UInt32(SPLICE_F_MORE) }
        // No offsets: both ends are streams.
        let result = retrying { CLinux.splice(pipe.readEnd, nil, sink, nil, pipe.count, flags) }
        if result >= 0 {
            pipe.count -= result
            return result
        }
        guard gateway_errno() == EAGAIN else { throw .target(StreamError(errno: gateway_errno())) }
        target.mayWrite = false
        return 0
    }
}

/// Why a spliced body did not get through, and on whose side.
public enum SpliceError: Error, Equatable, Sendable {
    /// The stream that sends failed.
    case source(StreamError)
    /// The stream that receives failed.
    case target(StreamError)
    /// No pipe can be had, or a stream is no plain socket: copy instead.
    case unavailable
}
