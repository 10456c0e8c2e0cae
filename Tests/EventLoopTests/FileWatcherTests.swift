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
}
