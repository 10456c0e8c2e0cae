import Glibc

/// What the program prints for whoever called it.
enum StandardOutput {
    /// Writes all of a text, as far as the other end takes it.
    static func write(_ text: String) { writeAll(text, to: STDOUT_FILENO) }
}

/// Where the program says what is wrong.
enum StandardError {
    /// Writes all of a text, as far as the other end takes it.
    static func write(_ text: String) { writeAll(text, to: STDERR_FILENO) }
}

/// Past the C library's streams: nothing is held back, so what is written to both stays in order.
private func writeAll(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var offset = 0
    while offset < bytes.count {
        // In bounds: `offset` is below the count, and the count is what is left from there on.
        let written = unsafe bytes.withUnsafeBytes { buffer in
            guard let start = buffer.baseAddress else { return 0 }
            return unsafe Glibc.write(descriptor, start + offset, bytes.count - offset)
        }
        if written < 0 && errno == EINTR { continue }
        // A full disk or a closed pipe: there is nobody left to tell.
        guard written > 0 else { return }
        offset += written
    }
}

/// A text of the caller's without control characters, which a terminal would obey.
func printable(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        let isControl = scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value)
        result.append(isControl ? "\u{FFFD}" : scalar)
    }
    return String(result)
}
