import CLinux

/// A file that is read again when it changes.
public enum WatchedFile {
    /// By what a file is known to be the same: it changes with every write, every replacement, and
    /// every change of owner or mode.
    public struct Stamp: Sendable, Equatable {
        let modified: Int64
        let changed: Int64
        let size: Int64
        let inode: UInt64
    }

    /// The stamp of a file now; nil when it is not there.
    public static func stamp(of path: String) -> Stamp? {
        var modified: Int64 = 0
        var changed: Int64 = 0
        var size: Int64 = 0
        var inode: UInt64 = 0
        // The path is passed NUL-terminated; the results are written before the call returns.
        guard unsafe gateway_file_stamp(path, &modified, &changed, &size, &inode) == 0 else {
            return nil
        }
        return Stamp(modified: modified, changed: changed, size: size, inode: inode)
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

extension WatchedFile {
    /// The directories in which something happens when a file becomes another one: its own, that of
    /// the file which a link names, and those of the links on the way.
    static func directories(of paths: some Sequence<String>) -> Set<String> {
        var own: Set<String> = []
        for path in paths {
            own.insert(directory(of: path))
            // The path is passed NUL-terminated; the answer is ours to free.
            guard let real = unsafe gateway_real_path(path) else { continue }
            own.insert(directory(of: unsafe String(cString: real)))
            unsafe gateway_free(real)
        }
        var directories = own
        for each in own {
            var above = each
            while above != "/", above != "." {
                let parent = directory(of: above)
                var byte: CChar = 0
                // At most the one byte that there is room for.
                if unsafe readlink(above, &byte, 1) >= 0 { directories.insert(parent) }
                above = parent
            }
        }
        return directories
    }

    /// The directory that a path names a file in.
    static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
