import CLinux

/// A system call's error number.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The value of `errno`.
    public let number: Int32

    /// Wraps an error number.
    public init(number: Int32) { self.number = number }

    /// The error the calling thread met last.
    static var current: SystemError { SystemError(number: gateway_errno()) }

    /// Whether a connection was refused, or nobody is there to accept it.
    public var isRefusal: Bool { number == ECONNREFUSED || number == ENOENT || number == EAGAIN }

    /// Whether there is no such file.
    public var isMissing: Bool { number == ENOENT }

    /// Whether this process or system lacks something, which says nothing about the other end.
    public var isExhaustion: Bool {
        switch number {
        case EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL: true
        default: false
        }
    }

    /// The system's words for it, for example `Connection refused`.
    public var description: String {
        var text = [CChar](repeating: 0, count: 128)
        // glibc's GNU form may return a static string or fill the buffer; both end in NUL.
        let message = unsafe text.withUnsafeMutableBufferPointer { buffer -> String in
            guard let words = unsafe gateway_strerror(number, buffer.baseAddress, buffer.count)
            else { return "error" }
            return unsafe String(cString: words)
        }
        return message
    }
}

/// Why a stream could not go on.
public enum StreamError: Error, Equatable, Sendable {
    /// The deadline passed before the stream was ready.
    case timedOut
    /// The stream was closed on this side, or the loop is ending.
    case cancelled
    /// The peer reset the connection or it broke.
    case reset
    /// An encrypted connection ended without a farewell: what came may have been cut short.
    case truncated
    /// The other end of a write is gone.
    case closed
    /// Any other system error.
    case system(SystemError)

    /// Sorts an error number into the cases that callers tell apart.
    init(errno number: Int32) {
        switch number {
        case ECONNRESET, ECONNABORTED: self = .reset
        case EPIPE, ENOTCONN, ESHUTDOWN: self = .closed
        case ETIMEDOUT: self = .timedOut
        default: self = .system(SystemError(number: number))
        }
    }
}

/// Repeats a system call that a signal interrupted.
@inline(__always)
func retrying(_ call: () -> Int) -> Int {
    while true {
        let result = call()
        if result >= 0 || gateway_errno() != EINTR { return result }
    }
}
