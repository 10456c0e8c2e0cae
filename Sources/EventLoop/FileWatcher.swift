import CLinux
import Synchronization

/// Tells when files change: by inotify, and by looking at them once a minute, as inotify does not
/// reach every file system.
///
/// It has a thread of its own, so whoever is told may take its time.
public final class FileWatcher: Sendable {
    /// What could not be used of what changed.
    public struct Unusable: Sendable {
        /// The paths: they are told again with each look, although they may not have changed.
        public var paths: Set<String>
        /// Whether to look again in some seconds, not in a minute.
        public var isNew: Bool

        /// Names what could not be used.
        public init(paths: Set<String>, isNew: Bool) {
            self.paths = paths
            self.isNew = isNew
        }

        /// Nothing: all is well.
        public static let none = Unusable(paths: [], isNew: false)
    }

    private struct State {
        /// What each file was when it was looked at last; nil inside: it was not there.
        var stamps: [String: WatchedFile.Stamp?] = [:]
        /// The directories, and the numbers of their watches.
        var watches: [String: Int32] = [:]
        /// What has been told and could not be used.
        var unusable = Unusable.none
    }

    private let notifier: Int32
    private let waker: Int32
    private let state = Mutex(State())
    private let isStopping = Atomic<Bool>(false)

    /// Prepares a watcher.
    /// - Throws: The error of `inotify_init1(2)` or `eventfd(2)`.
    public init() throws(SystemError) {
        notifier = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
        guard notifier >= 0 else { throw SystemError.current }
        waker = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard waker >= 0 else {
            // `deinit` closes what there is: it runs once all properties are set.
            throw SystemError.current
        }
    }

    deinit {
        close(notifier)
        close(waker)
    }

    /// Watches these files and no others.
    /// - Parameters:
    ///   - paths: The files.
    ///   - stamps: What they were when they were read, for what changed since then; without one a
    ///     change is one against what a file is now, or was when it was looked at last.
    public func watch(_ paths: Set<String>, since stamps: [String: WatchedFile.Stamp?] = [:]) {
        let isLate = state.withLock { state in
            for path in state.stamps.keys where !paths.contains(path) {
                state.stamps.removeValue(forKey: path)
            }
            let new = paths.filter { !state.stamps.keys.contains($0) }
            for path in new { state.stamps.updateValue(nil, forKey: path) }
            // Before the files are looked at, so that nothing happens in between.
            arm(&state)
            for path in new { state.stamps.updateValue(WatchedFile.stamp(of: path), forKey: path) }
            for (path, stamp) in stamps where paths.contains(path) {
                state.stamps.updateValue(stamp, forKey: path)
            }
            // They have been read anew by whoever names them.
            state.unusable = .none
            return state.stamps.contains { WatchedFile.stamp(of: $0.key) != $0.value }
        }
        // Of what has changed already nothing is heard.
        if isLate { _ = eventfd_write(waker, 1) }
    }

    /// Watches until `stop`; call on a thread of its own.
    /// - Parameter changed: Told the paths that have changed, some time after the last of a row of
    ///   changes, so that files which belong together have all been written. Says which of all that
    ///   it was told cannot be used.
    public func run(_ changed: @escaping @Sendable (Set<String>) -> Unusable) {
        var isDirty = false
        var postponed = 0
        var retry: Int64 = 0
        while !isStopping.load(ordering: .acquiring) {
            let pause = pause
            let timeout = isDirty ? LoopLimits.fileSettleMilliseconds : pause
            let hasNews = gateway_wait_two(notifier, waker, timeout) > 0
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
            // What is wrong with a file may be mended elsewhere: what a link names, or a mount.
            let mustRetry = gateway_monotonic_nanoseconds() >= retry
            let paths = takeChanges(withUnusable: mustRetry)
            if !paths.isEmpty { note(changed(paths)) }
            if mustRetry || !paths.isEmpty {
                retry = gateway_monotonic_nanoseconds() + Int64(self.pause) * 1_000_000
            }
        }
    }

    /// Milliseconds until the next look where nothing is heard.
    private var pause: Int32 {
        state.withLock {
            $0.unusable.isNew ? LoopLimits.fileRetryMilliseconds : LoopLimits.fileLookMilliseconds
        }
    }

    /// Remembers what cannot be used, so that it is told again.
    private func note(_ unusable: Unusable) {
        state.withLock { state in
            // Others may be watched by now.
            let paths = unusable.paths.filter { state.stamps.keys.contains($0) }
            state.unusable = Unusable(paths: paths, isNew: unusable.isNew && !paths.isEmpty)
        }
    }

    /// Lets `run` return.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        _ = eventfd_write(waker, 1)
    }

    /// Forgets what inotify says: which file it was shows when all are looked at.
    private func drain() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        // At most as many bytes as the array has.
        while unsafe read(notifier, &bytes, bytes.count) > 0 {}
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(waker, &count)
    }

    private func takeChanges(withUnusable: Bool) -> Set<String> {
        state.withLock { state in
            // A directory that was made anew, or that a link names now, is another one.
            arm(&state)
            var changed = withUnusable ? state.unusable.paths : []
            for (path, before) in state.stamps {
                let now = WatchedFile.stamp(of: path)
                if now == before { continue }
                state.stamps.updateValue(now, forKey: path)
                changed.insert(path)
            }
            return changed
        }
    }

    /// Has the kernel tell of what happens in all directories that matter, and in no others.
    private func arm(_ state: inout State) {
        // Directories, because files are mostly replaced by renaming another one.
        let events = UInt32(
            IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF
                | IN_MOVE_SELF
        )
        var watches: [String: Int32] = [:]
        for directory in WatchedFile.directories(of: state.stamps.keys) {
            var nearest = directory
            while watches[nearest] == nil {
                // The path is passed NUL-terminated; a directory that is watched keeps its number.
                let watch = unsafe inotify_add_watch(notifier, nearest, events)
                if watch >= 0 {
                    watches[nearest] = watch
                    break
                }
                // Where it is to be made, that is seen. Of what else fails, the minute's look
                // remains.
                guard gateway_errno() == ENOENT, nearest != "/", nearest != "." else { break }
                nearest = WatchedFile.directory(of: nearest)
            }
        }
        let wanted = Set(watches.values)
        for watch in Set(state.watches.values).subtracting(wanted) {
            // It fails where the directory is gone, and with it the watch.
            _ = inotify_rm_watch(notifier, watch)
        }
        state.watches = watches
    }
}
