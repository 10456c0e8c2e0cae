import Glibc
import Synchronization

/// The file that the secrets of all sessions are written to, so that a captured connection can be
/// decrypted: for debugging, and only when a directive says so.
public final class KeyLog: Sendable {
    private let descriptor: Int32
    private let lock = Mutex<Void>(())

    /// Opens the file, readable by its owner only, and appends to it.
    /// - Throws: Why it cannot be written.
    public init(path: String) throws(TLSSetupError) {
        // A pipe that nobody reads is an error, and nothing to wait for.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK
        descriptor = unsafe open(path, flags, 0o600)
        guard descriptor >= 0 else {
            throw TLSSetupError("'\(path)' cannot be written: \(Files.words(errno))")
        }
    }

    deinit { close(descriptor) }

    /// Appends a line; one that cannot be written is lost, as it serves debugging only.
    func write(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        // The array has as many bytes as are written.
        lock.withLock { _ in _ = unsafe Glibc.write(descriptor, bytes, bytes.count) }
    }
}

/// Reads files for TLS: small ones, at start and when they change.
public enum Files {
    /// Reads a whole file.
    /// - Throws: Why it cannot be read.
    public static let read: FileReader = { path throws(TLSSetupError) in
        // A pipe in the place of a file must make nobody wait.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw TLSSetupError("'\(path)' cannot be read: \(words(errno))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TLSSetupError("'\(path)' cannot be read: it is no regular file")
        }
        var content: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            if count == 0 { return content }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw TLSSetupError("'\(path)' cannot be read: \(words(errno))")
            }
            content += piece[..<count]
            if content.count > TLSLimits.fileBytes {
                throw TLSSetupError("'\(path)' is larger than \(TLSLimits.fileBytes >> 20) MiB")
            }
        }
    }

    /// The system's words for an error number.
    static func words(_ number: Int32) -> String {
        unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    }
}
