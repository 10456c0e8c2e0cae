import Configuration
import Glibc

extension SourceAccess {
    /// The files and the environment of this process.
    static let system = SourceAccess(
        read: { path, limit throws(Failure) in try readFile(path, limit: limit) },
        matches: { pattern in expand(pattern) },
        environment: { name in
            // The environment is not changed while the process runs.
            guard let value = unsafe getenv(name) else { return nil }
            return unsafe String(cString: value)
        })

    private static func readFile(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        // The path is a Swift string, passed NUL-terminated.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(words(errno)) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // The kernel writes at most the chunk's own size.
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress, $0.count)
            }
            if count == 0 { return content }
            if count < 0 {
                if errno == EINTR { continue }
                throw .unreadable(words(errno))
            }
            guard content.count + count <= limit else { throw .tooLarge }
            content.append(contentsOf: chunk[..<count])
        }
    }

    private static func words(_ number: Int32) -> String {
        // A static string, or one of this thread's own.
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }

    private static func expand(_ pattern: String) -> [String] {
        var found = unsafe glob_t()
        // The pattern is passed NUL-terminated; the result is freed below.
        defer { unsafe globfree(&found) }
        guard unsafe glob(pattern, 0, nil, &found) == 0 else { return [] }
        var paths: [String] = []
        for index in 0..<Int(unsafe found.gl_pathc) {
            // glob filled in `gl_pathc` strings.
            if let path = unsafe found.gl_pathv[index] { paths.append(unsafe String(cString: path)) }
        }
        return paths
    }
}
