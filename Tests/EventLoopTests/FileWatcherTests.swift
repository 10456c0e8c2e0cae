import Foundation
import Testing

@testable import EventLoop

@Suite("FileWatcher")
struct FileWatcherTests {
    @Test("A change is told although another file of the directory changes without an end")
    func busyDirectory() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let watched = folder.appending(path: "watched").path
        let noisy = folder.appending(path: "noisy").path
        try Data("1".utf8).write(to: URL(filePath: watched))
        let watcher = try FileWatcher()
        watcher.watch([watched])
        let told = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        let ended = Shared(false)
        let thread = Thread {
            watcher.run { paths in
                if paths == [watched] { told.signal() }
                return .none
            }
            done.signal()
        }
        thread.start()
        let noise = Thread {
            while !ended.value { try? Data("x".utf8).write(to: URL(filePath: noisy)) }
            done.signal()
        }
        noise.start()
        try Data("22".utf8).write(to: URL(filePath: watched))
        #expect(told.wait(timeout: .now() + 20) == .success)
        ended.value = true
        watcher.stop()
        done.wait()
        done.wait()
    }

    @Test("A change of mode alone is told")
    func mode() throws {
        let watched = try Watched()
        defer { watched.end() }
        let path = watched.file("a")
        try watched.start([path])
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        #expect(watched.tells(path))
    }

    @Test("A folder that is deleted and made anew is watched, again and again")
    func newFolder() throws {
        let watched = try Watched()
        defer { watched.end() }
        let path = watched.file("folder/sub/a")
        try watched.start([path])
        for _ in 0..<2 {
            try FileManager.default.removeItem(atPath: watched.path("folder"))
            #expect(watched.tells(path))
            #expect(watched.file("folder/sub/a") == path)
            #expect(watched.tells(path))
            try Data("changed".utf8).write(to: URL(filePath: path))
            #expect(watched.tells(path))
        }
    }

    @Test("What a link names is watched, and the link as well, be it of a file or a folder")
    func links() throws {
        let watched = try Watched()
        defer { watched.end() }
        for name in ["one", "two"] { _ = watched.file("versions/\(name)/a") }
        let link = watched.path("current")
        let path = link + "/a"
        try FileManager.default.createSymbolicLink(
            atPath: link,
            withDestinationPath: watched.path("versions/one")
        )
        try watched.start([path])
        try Data("in place".utf8).write(to: URL(filePath: watched.path("versions/one/a")))
        #expect(watched.tells(path))
        for name in ["two", "one", "two"] {
            try FileManager.default.createSymbolicLink(
                atPath: link + ".new",
                withDestinationPath: watched.path("versions/\(name)")
            )
            let renamed = unsafe rename(link + ".new", link)
            #expect(renamed == 0)
            #expect(watched.tells(path))
            try Data(UUID().uuidString.utf8)
                .write(to: URL(filePath: watched.path("versions/\(name)/a")))
            #expect(watched.tells(path))
        }
    }

    @Test("A change between the reading of a file and its watching is told")
    func early() throws {
        let watched = try Watched()
        defer { watched.end() }
        let (path, same) = (watched.file("a"), watched.file("b"))
        let stamps = [path: WatchedFile.stamp(of: path), same: WatchedFile.stamp(of: same)]
        try Data("22".utf8).write(to: URL(filePath: path))
        try watched.start([path, same], since: stamps)
        #expect(watched.tells(path))
        #expect(!watched.hasTold(same))
        // Once more, while it is running.
        try watched.start([path, same], since: stamps)
        #expect(watched.tells(path))
    }

    @Test("What could not be used is told again in a while, although it does not change")
    func retry() throws {
        let watched = try Watched()
        defer { watched.end() }
        let path = watched.file("a")
        watched.unusable.value = .init(paths: [path], isNew: true)
        try watched.start([path])
        try Data("22".utf8).write(to: URL(filePath: path))
        #expect(watched.tells(path))
        // Nothing happens to the file from here on.
        #expect(watched.tells(path))
        #expect(watched.tells(path))
    }
}

/// A folder, a watcher with its thread, and what it tells.
private final class Watched {
    let told = DispatchSemaphore(value: 0)
    let unusable = Shared(FileWatcher.Unusable.none)
    private let folder: URL
    private let watcher: FileWatcher
    private let paths = Shared(Set<String>())
    private let done = DispatchSemaphore(value: 0)
    private var isRunning = false

    init() throws {
        // Without links in it, so that the tests know which there are.
        let temporary = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
        folder = temporary.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        watcher = try FileWatcher()
    }

    func path(_ name: String) -> String { folder.appending(path: name).path }

    /// Makes a file, and the folders on the way.
    func file(_ name: String) -> String {
        let path = path(name)
        try? FileManager.default.createDirectory(
            at: URL(filePath: path).deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try? Data("1".utf8).write(to: URL(filePath: path))
        return path
    }

    func start(_ paths: Set<String>, since stamps: [String: WatchedFile.Stamp?] = [:]) throws {
        watcher.watch(paths, since: stamps)
        if isRunning { return }
        isRunning = true
        let (watcher, told, unusable, done) = (watcher, told, unusable, done)
        let seen = self.paths
        Thread {
            watcher.run { paths in
                seen.value = paths
                let answer = unusable.value
                told.signal()
                return answer
            }
            done.signal()
        }
        .start()
    }

    /// Whether a change is told before the minute's look.
    func tells(_ path: String) -> Bool {
        told.wait(timeout: .now() + 30) == .success && paths.value.contains(path)
    }

    /// Whether the last change that was told is one of this file.
    func hasTold(_ path: String) -> Bool { paths.value.contains(path) }

    func end() {
        watcher.stop()
        if isRunning { done.wait() }
        try? FileManager.default.removeItem(at: folder)
    }
}
