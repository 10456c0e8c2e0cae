import CLinux

/// Files of a few bytes, read where they are wanted: for what is asked for so seldom that a thread
/// of its own would cost more than the wait.
public enum SmallFile {
    /// The whole content of a regular file; nil when it cannot be read, is a link, or is longer.
    /// - Parameters:
    ///   - path: From the root or from the working directory.
    ///   - limit: Bytes of the longest content.
    /// - Returns: All of it.
    public static func content(of path: String, atMost limit: Int) -> [UInt8]? {
        // The path is a Swift string, passed NUL-terminated.
        let descriptor = unsafe gateway_open_regular(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content = [UInt8](repeating: 0, count: limit + 1)
        var count = 0
        while count < content.count {
            let received = retrying {
                // At most as many bytes as there is room for.
                unsafe content.withUnsafeMutableBytes { bytes in
                    unsafe read(
                        descriptor,
                        bytes.baseAddress.map { unsafe $0 + count },
                        bytes.count - count
                    )
                }
            }
            if received < 0 { return nil }
            if received == 0 { break }
            count += received
        }
        if count > limit { return nil }
        content.removeLast(content.count - count)
        return content
    }
}
