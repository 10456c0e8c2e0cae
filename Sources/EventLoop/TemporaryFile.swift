public import Bytes
import CLinux

/// A file without a name, for content that is too large for memory: gone when it is closed,
/// whatever happens to the process.
public final class TemporaryFile {
    private enum Storage {
        case file(Int32)
        /// In a simulation, which makes no system calls.
        case memory(Buffer)
    }

    private let storage: Storage
    /// Bytes written.
    public private(set) var count = 0

    fileprivate init(descriptor: Int32) { storage = .file(descriptor) }
    fileprivate init() { storage = .memory(Buffer()) }

    deinit {
        if case .file(let descriptor) = storage { close(descriptor) }
    }

    /// Writes everything in a buffer to the end, and empties it.
    /// - Returns: False when the disk does not take it.
    public func append(_ buffer: Buffer) -> Bool {
        count += buffer.count
        switch storage {
        case .memory(let memory):
            memory.move(buffer.count, from: buffer)
            return true
        case .file(let descriptor):
            while !buffer.isEmpty {
                // The kernel reads at most the bytes that the buffer lends.
                let written = retrying {
                    unsafe buffer.drain { unsafe write(descriptor, $0.baseAddress, $0.count) }
                }
                if written <= 0 { return false }
            }
            return true
        }
    }

    /// Sends what the stream takes now.
    ///
    /// The offset says where to start, and moves on by what was sent.
    public func send(to stream: Stream, from offset: inout Int) throws(StreamError) {
        while offset < count && stream.mayWrite {
            switch (storage, stream.transport) {
            case (_, .closed): throw .cancelled
            case (.file(let file), .socket):
                var rest = offset..<count
                defer { offset = rest.lowerBound }
                try stream.sendFile(file, &rest)
            case (.memory(let memory), .memory):
                let piece = Buffer()
                let bytes = memory.readable
                let end = min(count, offset + LoopLimits.smallBuffer)
                piece.append(bytes.extracting(offset..<end))
                let before = piece.count
                try stream.send(piece)
                offset += before - piece.count
            default: throw .cancelled
            }
        }
    }
}

extension Reactor {
    /// Makes a file without a name.
    /// - Parameter directory: Where it takes its space from.
    /// - Returns: nil when the directory does not allow it.
    public func makeTemporaryFile(in directory: String) -> TemporaryFile? {
        if simulation != nil { return TemporaryFile() }
        // The path is a Swift string, passed NUL-terminated.
        let descriptor = unsafe gateway_open_temporary(directory)
        return descriptor >= 0 ? TemporaryFile(descriptor: descriptor) : nil
    }
}
