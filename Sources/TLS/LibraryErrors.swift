import COpenSSL

/// The errors that OpenSSL left on this thread's queue.
enum LibraryErrors {
    /// Takes the first error, which is the cause, and drops the others.
    /// - Returns: Its code, or 0 when there is none.
    static func takeFirst() -> UInt {
        let first = ERR_peek_error()
        if first != 0 { ERR_clear_error() }
        return first
    }

    /// Words for an error code, for example `certificate verify failed`.
    static func words(_ code: UInt) -> String {
        guard code != 0, let text = unsafe ERR_reason_error_string(code) else { return "unknown" }
        return unsafe String(cString: text)
    }
}
