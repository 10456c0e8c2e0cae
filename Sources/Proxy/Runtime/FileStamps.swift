import EventLoop
import Synchronization
import TLS

/// What files were when they were read, so that a change is noticed which came before they were
/// watched.
final class FileStamps: Sendable {
    private let seen = Mutex<[String: WatchedFile.Stamp?]>([:])

    /// By path; nil inside: it was not there.
    var all: [String: WatchedFile.Stamp?] { seen.withLock { $0 } }

    /// Reads files and notes what they were just before; of several times the first counts.
    func noting(_ read: @escaping FileReader) -> FileReader {
        { path throws(TLSSetupError) in
            let stamp = WatchedFile.stamp(of: path)
            self.seen.withLock { seen in
                if !seen.keys.contains(path) { seen.updateValue(stamp, forKey: path) }
            }
            return try read(path)
        }
    }
}
