import Configuration
import Glibc

extension SourceAccess {
    /// The files and the environment of this machine.
    static let system = SourceAccess(
        read: readFile,
        matches: matchingPaths,
        environment: environmentVariable
    )
}

// The content of a file, a pipe or a device; more than `limit` bytes of it are an error.
@Sendable
private func readFile(_ path: String, limit: Int) throws(SourceAccess.Failure) -> [UInt8] {
    // The kernel would cut the path there and open another file.
    guard !path.utf8.contains(0) else { throw .unreadable(errorWords(ENOENT)) }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unreadable(errorWords(errno)) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        // The kernel writes at most as many bytes as the array has.
        let count = unsafe piece.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress, buffer.count)
        }
        if count == 0 { return content }
        if count < 0 {
            if errno == EINTR { continue }
            throw .unreadable(errorWords(errno))
        }
        guard count <= limit - content.count else { throw .tooLarge }
        content.append(contentsOf: piece.prefix(count))
    }
}

/// The paths that fit a pattern, as a shell finds them; none when a folder cannot be read.
@Sendable
private func matchingPaths(_ pattern: String) -> [String] {
    guard !pattern.utf8.contains(0) else { return [] }
    var found = unsafe glob_t()
    // Freed in every case: glob(3) may leave memory behind even when it fails.
    defer { unsafe globfree(&found) }
    guard unsafe glob(pattern, GLOB_NOSORT, nil, &found) == 0 else { return [] }
    // glob(3) leaves as many paths as it counts, each ending in NUL.
    return (0..<Int(unsafe found.gl_pathc)).compactMap { index in
        unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
    }
}

@Sendable
private func environmentVariable(_ name: String) -> String? {
    // Copied at once; this program never sets one, so none changes meanwhile.
    unsafe getenv(name).map { unsafe String(cString: $0) }
}

/// The system's words for an error, such as `No such file or directory`.
func errorWords(_ number: Int32) -> String {
    // Safe across threads since glibc 2.32, which keeps the text per thread; copied at once.
    guard let words = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: words)
}
