import Glibc

/// Where log lines go.
public enum LogTarget: Sendable, Hashable {
    /// The process's standard output; never reopened.
    case standardOutput
    /// The process's standard error; never reopened.
    case standardError
    /// A file, or a FIFO; created if missing, reopened once it was renamed or removed.
    case file(String)
    /// An open descriptor that stays the caller's; never reopened, never closed.
    case descriptor(Int32)

    /// The target that a path names: `/dev/stdout` and `/dev/stderr` are the streams themselves, as
    /// they cannot be opened when they are sockets, which they are under systemd.
    public init(path: String) {
        switch path {
        case "/dev/stdout": self = .standardOutput
        case "/dev/stderr": self = .standardError
        default: self = .file(path)
        }
    }
}

/// Where log lines go, once the writer has opened it: a small number made by `LogWriter`.
public struct LogDestination: Sendable, Hashable {
    let index: Int
    /// Tells this use of the place from the next: lines for a log that has been closed are dropped,
    /// and never reach another.
    let generation: UInt64
}

/// Why a log could not be opened.
public enum LogOpenError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system refused, with this `errno`.
    case refused(path: String, code: Int32)
    /// The path is a directory.
    case directory(path: String)
    /// As many logs are open as `LogWriter.Limits.destinations` allows.
    case tooMany(limit: Int)
    /// The writer has been closed.
    case closed

    /// What a person needs to know.
    public var description: String {
        switch self {
        case .refused(let path, let code): "cannot open log '\(path)': \(reason(code))"
        case .directory(let path): "cannot open log '\(path)': is a directory"
        case .tooMany(let limit): "cannot open another log: at most \(limit) may be open"
        case .closed: "cannot open a log: logging has ended"
        }
    }

    private func reason(_ code: Int32) -> String {
        // Safe across threads since glibc 2.32, which keeps the text per thread; copied at once.
        guard let text = unsafe strerror(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }
}

/// What has become of the log lines handed to a writer.
public struct LogFigures: Sendable, Equatable {
    /// Lines that the system took.
    public var linesWritten: UInt64 = 0
    /// Lines dropped because the queue was full, or the writer closed.
    public var linesDroppedQueue: UInt64 = 0
    /// Lines lost because the system refused them: a full disk, a FIFO that nobody reads.
    public var linesDroppedWrite: UInt64 = 0
    /// Times that a log was opened anew.
    public var reopened: UInt64 = 0
    /// Bytes waiting to be written.
    public var bytesQueued = 0

    /// Nothing so far.
    public init() {}
}
