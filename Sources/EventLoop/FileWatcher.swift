import CLinux
import Synchronization

/// Tells when files change: by inotify, and by looking at them once a minute, as inotify does not
/// reach every file system.
///
/// It has a thread of its own, so whoever is told may take its time.
public final class FileWatcher: Sendable {
    private struct State {
        /// What each file was when it was looked at last; nil inside: it was not there.
        var stamps: [String: WatchedFile.Stamp?] = [:]
        var directories: Set<String> = []
    }

    private let notifier: Int32
    private let stopper: Int32
    private let state = Mutex(State())
    private let isStopping = Atomic<Bool>(false)

    /// Prepares a watcher.
    /// - Throws: The error of `inotify_init1(2)` or `eventfd(2)`.
    public init() throws(SystemError) {
        notifier = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard notifier >= 0 else { throw SystemError.current }
        stopper = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard stopper >= 0 else {
            // `deinit` closes what there is: it runs once all properties are set.
            throw SystemError.current
        }
    }

    deinit {
        close(notifier)
        close(stopper)
    }

    /// Watches these files and no others; a change is one against what they are now.
    public func watch(_ paths: Set<String>) {
        state.withLock { state in
            for path in state.stamps.keys where !paths.contains(path) {
                state.stamps.removeValue(forKey: path)
            }
            for path in paths where !state.stamps.keys.contains(path) {
                state.stamps.updateValue(WatchedFile.stamp(of: path), forKey: path)
                // The directory, because files are mostly replaced by renaming another one.
                let directory = FileWatcher.directory(of: path)
                guard state.directories.insert(directory).inserted else { continue }
                let events = UInt32(IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE)
                // Where this fails, the minute's look remains.
                _ = unsafe inotify_add_watch(notifier, directory, events)
            }
        }
    }

    /// Watches until `stop`; call on a thread of its own.
    /// - Parameter changed: Told the paths that have changed, some time after the last of a row of
    ///   changes, so that files which belong together have all been written.
    public func run(_ changed: @escaping @Sendable (Set<String>) -> Void) {
        var isDirty = false
        var postponed = 0
        while !isStopping.load(ordering: .acquiring) {
            let timeout =
                isDirty ? LoopLimits.fileSettleMilliseconds : LoopLimits.fileLookMilliseconds
            let hasNews = gateway_wait_two(notifier, stopper, timeout) > 0
            if isStopping.load(ordering: .acquiring) { return }
            if hasNews {
                drain()
                isDirty = true
                postponed += 1
                // Other files of the directory may change without an end, a log for example.
                if postponed < LoopLimits.filePostponements { continue }
            }
            isDirty = false
            postponed = 0
            let paths = takeChanges()
            if !paths.isEmpty { changed(paths) }
        }
    }

    /// Lets `run` return.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        _ = eventfd_write(stopper, 1)
    }

    /// Forgets what inotify says: which file it was shows when all are looked at.
    private func drain() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // At most as many bytes as the array has.
        while unsafe read(notifier, &bytes, bytes.count) > 0 {}
    }

    private func takeChanges() -> Set<String> {
        state.withLock { state in
            var changed: Set<String> = []
            for (path, before) in state.stamps {
                let now = WatchedFile.stamp(of: path)
                if now == before { continue }
                state.stamps.updateValue(now, forKey: path)
                changed.insert(path)
            }
            return changed
        }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
