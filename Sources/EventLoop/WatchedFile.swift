import CLinux

/// A file that is read again when it changes.
public enum WatchedFile {
    /// By what a file is known to be the same: it changes with every write and every replacement.
    public struct Stamp: Sendable, Equatable {
        let modified: Int64
        let size: Int64
        let inode: UInt64
    }

    /// The stamp of a file now; nil when it is not there.
    public static func stamp(of path: String) -> Stamp? {
        var modified: Int64 = 0
        var size: Int64 = 0
        var inode: UInt64 = 0
        // The path is passed NUL-terminated; the results are written before the call returns.
        guard unsafe gateway_file_stamp(path, &modified, &size, &inode) == 0 else { return nil }
        return Stamp(modified: modified, size: size, inode: inode)
    }

    /// The whole content of a file; nil when it cannot be read, or is longer.
    ///
    /// Blocks: not for an event loop.
    public static func content(of path: String, atMost limit: Int) -> [UInt8]? {
        // The path is passed NUL-terminated.
        let descriptor = unsafe gateway_file_open(path)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = retrying {
                // At most as many bytes as the array has.
                unsafe piece.withUnsafeMutableBytes {
                    unsafe read(descriptor, $0.baseAddress, $0.count)
                }
            }
            if count == 0 { return content }
            guard count > 0, count <= limit - content.count else { return nil }
            content.append(contentsOf: piece.prefix(count))
        }
    }
}
