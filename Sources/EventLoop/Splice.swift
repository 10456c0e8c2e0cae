public import Bytes
import CLinux

/// Moves a body from socket to socket through a pipe, without its entering the process.
///
/// A machine: `step` does what can be done now and says what to wait for; the caller waits, so that
/// it can wait for other things at the same time.
public struct SplicePump {
    /// What the pump needs to go on.
    public enum Need: Equatable, Sendable {
        /// The source to become readable.
        case source
        /// The target to become writable.
        case target
        /// Nothing but a turn for the loop's other connections: both sides are as fast as this one.
        case turn
        /// Nothing: all bytes have reached the target.
        case done
        /// Nothing: the source ended before the length was reached, and what it sent has been
        /// passed on.
        case sourceEnded
    }

    private let source: Stream
    private let target: Stream
    private let pipe: SplicePipe
    private var left: Int
    private var ended = false
    /// Bytes that reached the target.
    public private(set) var moved = 0
    /// Bytes taken from the source.
    public private(set) var taken = 0

    /// Connects two streams.
    ///
    /// `source`: Where the bytes come from.
    ///
    /// `target`: Where they go.
    ///
    /// `length`: Bytes to move.
    /// nil when a stream is no plain socket, or no pipe can be had: copy instead.
    public init?(from source: Stream, to target: Stream, length: Int) {
        guard source.descriptor != nil, target.descriptor != nil,
            let pipe = source.reactor.takePipe()
        else { return nil }
        self.source = source
        self.target = target
        self.pipe = pipe
        left = length
    }

    /// Gives the pipe back: must be called once, whatever happened.
    public func finish() { source.reactor.givePipe(pipe) }

    /// Bytes that were taken from the source and have not reached the target.
    public var inPipe: Int { pipe.count }

    /// Moves what can be moved without waiting.
    public mutating func step() throws(SpliceError) -> Need {
        guard let from = source.descriptor else { throw .source(.cancelled) }
        guard let to = target.descriptor else { throw .target(.cancelled) }
        let turnEnd = moved &+ LoopLimits.splicedPerTurn
        while true {
            if moved >= turnEnd && pipe.count == 0 && left > 0 && !ended { return .turn }
            if left > 0 && !ended && source.mayRead && pipe.count < pipe.capacity {
                try takeIn(from)
            }
            if pipe.count > 0 && target.mayWrite { try giveOut(to) }
            if pipe.count == 0 {
                if left == 0 { return .done }
                if ended { return .sourceEnded }
                if !source.mayRead { return .source }
            } else if !target.mayWrite {
                return .target
            }
        }
    }

    /// Takes back what is in the pipe, when the target is not to get it in this way.
    /// - Parameter buffer: Gets the bytes.
    /// - Returns: How many; `inPipe` is 0 afterwards unless the system failed.
    public func recover(into buffer: Buffer) -> Int {
        let before = pipe.count
        while pipe.count > 0 {
            buffer.reserve(pipe.count)
            let wanted = pipe.count
            let result = retrying {
                // The kernel writes at most the space that the buffer lends.
                unsafe buffer.fill {
                    unsafe read(pipe.readEnd, $0.baseAddress, min($0.count, wanted))
                }
            }
            if result <= 0 { break }
            pipe.count -= result
        }
        return before - pipe.count
    }

    private mutating func takeIn(_ from: Int32) throws(SpliceError) {
        let wanted = min(pipe.capacity - pipe.count, left)
        let flags = UInt32(SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
        // No offsets: both ends are streams.
        let result = retrying { CLinux.splice(from, nil, pipe.writeEnd, nil, wanted, flags) }
        if result > 0 {
            pipe.count += result
            taken += result
            left -= result
        } else if result == 0 {
            ended = true
        } else if gateway_errno() == EAGAIN {
            // Either the socket is empty or the pipe has no free page left; the latter clears
            // itself as the pipe drains, so only an empty pipe says that the socket is empty.
            if pipe.count == 0 { source.mayRead = false }
        } else {
            throw .source(StreamError(errno: gateway_errno()))
        }
    }

    private mutating func giveOut(_ to: Int32) throws(SpliceError) {
        var flags = UInt32(SPLICE_F_MOVE | SPLICE_F_NONBLOCK)
        if left > 0 && !ended { flags |= UInt32(SPLICE_F_MORE) }
        // No offsets: both ends are streams.
        let result = retrying { CLinux.splice(pipe.readEnd, nil, to, nil, pipe.count, flags) }
        if result >= 0 {
            pipe.count -= result
            moved += result
        } else if gateway_errno() == EAGAIN {
            target.mayWrite = false
        } else {
            target.mayRead = true
            throw .target(StreamError(errno: gateway_errno()))
        }
    }
}

/// Why a spliced body did not get through, and on whose side.
public enum SpliceError: Error, Equatable, Sendable {
    /// The stream that sends failed.
    case source(StreamError)
    /// The stream that receives failed.
    case target(StreamError)
}
