import Foundation
import Glibc
import Synchronization
import Testing

@testable import Telemetry

/// Ten seconds: a bound for what takes milliseconds, so that a failure does not hang.
private let patience: Int64 = 10_000_000_000

/// What a pipe holds until its writers have closed it.
private func drain(_ descriptor: Int32) -> String {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
        let count = unsafe read(descriptor, &piece, piece.count)
        if count <= 0 { break }
        bytes += piece[..<count]
    }
    return text(bytes)
}

@Suite("Writing logs", .timeLimit(.minutes(1)))
struct LogWriterTests {
    /// A folder of one test's own.
    private final class Folder {
        let path: String

        init() throws {
            path = NSTemporaryDirectory() + "gateway-log-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func read(_ name: String) throws -> String {
            try String(contentsOfFile: path + "/" + name, encoding: .utf8)
        }
    }

    private func makeWriter(_ change: (inout LogWriter.Limits) -> Void = { _ in }) throws
        -> LogWriter
    {
        var limits = LogWriter.Limits()
        limits.checkInterval = 0
        change(&limits)
        return try LogWriter(limits: limits)
    }

    private func submit(_ line: String, to destination: LogDestination, of writer: LogWriter) {
        writer.submit(Array((line + "\n").utf8), count: 1, to: destination)
    }

    private func wait(_ writer: LogWriter, until condition: (LogFigures) -> Bool) {
        let deadline = monotonicNanoseconds() + patience
        while !condition(writer.figures) && monotonicNanoseconds() < deadline { sched_yield() }
    }

    private func makePipe() -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        let status = unsafe pipe(&ends)
        #expect(status == 0)
        return (ends[0], ends[1])
    }

    @Test("Lines reach a file in order, appended to what it had")
    func file() throws {
        let folder = try Folder()
        try "old\n".write(toFile: folder.path + "/a", atomically: false, encoding: .utf8)
        let writer = try makeWriter()
        let log = try writer.open(.file(folder.path + "/a"))
        for index in 0..<100 { submit("\(index)", to: log, of: writer) }
        #expect(writer.close(within: patience))
        let expected = ["old"] + (0..<100).map(String.init)
        #expect(try folder.read("a") == expected.joined(separator: "\n") + "\n")
        #expect(writer.figures.linesWritten == 100)
        #expect(writer.figures.bytesQueued == 0)
    }

    @Test("A full disk loses lines, counts them, and the log goes on")
    func fullDisk() throws {
        let folder = try Folder()
        let writer = try makeWriter()
        let full = try writer.open(.file("/dev/full"))
        let good = try writer.open(.file(folder.path + "/good"))
        for _ in 0..<10 {
            submit("lost", to: full, of: writer)
            submit("kept", to: good, of: writer)
        }
        #expect(writer.close(within: patience))
        #expect(writer.figures.linesDroppedWrite == 10)
        #expect(writer.figures.linesWritten == 10)
        #expect(writer.figures.bytesQueued == 0)
        #expect(try folder.read("good") == String(repeating: "kept\n", count: 10))
    }

    @Test("A line cut off by a full disk does not run into the next")
    func cutLine() async {
        // In a process of its own, whose limit on file sizes stands in for a full disk.
        await #expect(processExitsWith: .success) {
            let path = NSTemporaryDirectory() + "gateway-log-\(UUID().uuidString)"
            let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
            var limit = rlimit(rlim_cur: 25, rlim_max: rlim_t.max)
            _ = unsafe setrlimit(resource, &limit)
            let writer = try LogWriter()
            let log = try writer.open(.file(path))
            writer.submit(Array("0123456789\nabcdefghij\nABCDEFGHIJ\n".utf8), count: 3, to: log)
            while writer.figures.bytesQueued > 0 { sched_yield() }
            let isCounted =
                writer.figures.linesWritten == 2 && writer.figures.linesDroppedWrite == 1
            limit.rlim_cur = rlim_t.max
            _ = unsafe setrlimit(resource, &limit)
            writer.submit(Array("next\n".utf8), count: 1, to: log)
            let isClosed = writer.close(within: 10_000_000_000)
            let content = try String(contentsOfFile: path, encoding: .utf8)
            _ = unsafe unlink(path)
            let isWhole = content == "0123456789\nabcdefghij\nABC\nnext\n"
            exit(isCounted && isClosed && isWhole ? 0 : 1)
        }
    }

    @Test("A FIFO that nobody reads loses lines; once somebody does, they come")
    func fifo() throws {
        let folder = try Folder()
        let path = folder.path + "/fifo"
        let status = unsafe mkfifo(path, 0o600)
        #expect(status == 0)
        let writer = try makeWriter()
        let log = try writer.open(.file(path))
        submit("lost", to: log, of: writer)
        wait(writer) { $0.linesDroppedWrite == 1 }
        #expect(writer.figures.linesDroppedWrite == 1)
        let reader = unsafe open(path, O_RDONLY | O_NONBLOCK)
        #expect(reader >= 0)
        submit("read", to: log, of: writer)
        wait(writer) { $0.linesWritten == 1 }
        #expect(drain(reader) == "read\n")
        // The reader leaves: EPIPE, not SIGPIPE.
        close(reader)
        submit("lost", to: log, of: writer)
        wait(writer) { $0.linesDroppedWrite == 2 }
        #expect(writer.close(within: patience))
        #expect(writer.figures.linesDroppedWrite == 2)
    }

    @Test("A slow pipe fills its share of the queue, drops whole lines, and holds up no other log")
    func slowPipe() throws {
        let folder = try Folder()
        let ends = makePipe()
        let writer = try makeWriter { $0.destinationBytes = 100_000 }
        let slow = try writer.open(.descriptor(ends.write))
        let good = try writer.open(.file(folder.path + "/good"))
        let line = String(repeating: "x", count: 999)
        for _ in 0..<500 { submit(line, to: slow, of: writer) }
        #expect(writer.figures.linesDroppedQueue > 0)
        submit("quick", to: good, of: writer)
        let deadline = monotonicNanoseconds() + patience
        while try folder.read("good").isEmpty && monotonicNanoseconds() < deadline {
            sched_yield()
        }
        #expect(try folder.read("good") == "quick\n")
        let reading = Draining { drain(ends.read) }
        #expect(writer.close(within: patience))
        close(ends.write)
        let lines = reading.wait().split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.last == "")
        #expect(lines.dropLast().allSatisfy { $0 == line })
        let figures = writer.figures
        #expect(UInt64(lines.count - 1) + 1 == figures.linesWritten)
        #expect(figures.linesWritten + figures.linesDroppedQueue == 501)
        close(ends.read)
    }

    @Test("A line longer than a pipe takes at once arrives whole")
    func longLine() throws {
        let ends = makePipe()
        let writer = try makeWriter()
        let log = try writer.open(.descriptor(ends.write))
        let long = String(repeating: "y", count: 300_000)
        submit("before", to: log, of: writer)
        submit(long, to: log, of: writer)
        submit("after", to: log, of: writer)
        let reading = Draining { drain(ends.read) }
        #expect(writer.close(within: patience))
        close(ends.write)
        #expect(reading.wait() == "before\n\(long)\nafter\n")
        close(ends.read)
    }

    @Test("Closing gives up on a pipe that is stuck, and counts what it had")
    func closeInTime() {
        let ends = makePipe()
        do {
            let writer = try makeWriter()
            let log = try writer.open(.descriptor(ends.write))
            let line = String(repeating: "z", count: 999)
            for _ in 0..<200 { submit(line, to: log, of: writer) }
            _ = writer.close(within: 20_000_000)
            wait(writer) { $0.bytesQueued == 0 }
            #expect(writer.figures.linesWritten + writer.figures.linesDroppedWrite == 200)
            #expect(writer.figures.linesDroppedWrite > 0)
            submit("late", to: log, of: writer)
            #expect(writer.figures.linesDroppedQueue == 1)
        } catch {
            Issue.record(error)
        }
        close(ends.read)
        close(ends.write)
    }

    @Test("A file that was renamed or removed is opened anew", arguments: [true, false])
    func renamed(isRemoved: Bool) throws {
        let folder = try Folder()
        let path = folder.path + "/log"
        let writer = try makeWriter()
        let log = try writer.open(.file(path))
        submit("one", to: log, of: writer)
        wait(writer) { $0.linesWritten == 1 }
        if isRemoved {
            let status = unsafe unlink(path)
            #expect(status == 0)
        } else {
            let status = unsafe rename(path, path + ".1")
            #expect(status == 0)
        }
        submit("two", to: log, of: writer)
        #expect(writer.close(within: patience))
        #expect(try folder.read("log") == "two\n")
        if !isRemoved { #expect(try folder.read("log.1") == "one\n") }
        #expect(writer.figures.reopened == 1)
    }

    @Test("Reopening moves on to the new file without waiting for the next look")
    func reopen() throws {
        let folder = try Folder()
        let path = folder.path + "/log"
        let writer = try makeWriter { $0.checkInterval = .max }
        let log = try writer.open(.file(path))
        submit("one", to: log, of: writer)
        wait(writer) { $0.linesWritten == 1 }
        let status = unsafe rename(path, path + ".1")
        #expect(status == 0)
        writer.reopen()
        wait(writer) { $0.reopened == 1 }
        submit("two", to: log, of: writer)
        #expect(writer.close(within: patience))
        #expect(try folder.read("log.1") == "one\n")
        #expect(try folder.read("log") == "two\n")
    }

    @Test("Two writers of one file never mix their lines")
    func twoWriters() throws {
        let folder = try Folder()
        let path = folder.path + "/shared"
        let writers = [try makeWriter(), try makeWriter()]
        let logs = try writers.map { try $0.open(.file(path)) }
        for index in 0..<2000 {
            let which = index % 2
            submit(
                String(repeating: which == 0 ? "a" : "b", count: 150),
                to: logs[which],
                of: writers[which]
            )
        }
        for writer in writers { #expect(writer.close(within: patience)) }
        let lines = try folder.read("shared").split(separator: "\n")
        #expect(lines.count == 2000)
        #expect(lines.allSatisfy { $0.count == 150 && Set($0).count == 1 })
    }

    @Test("One target is one destination until its last user has released it")
    func sharing() throws {
        let folder = try Folder()
        let writer = try makeWriter()
        let first = try writer.open(.file(folder.path + "/a"))
        #expect(try writer.open(.file(folder.path + "/a")) == first)
        writer.release(first)
        submit("still", to: first, of: writer)
        wait(writer) { $0.linesWritten == 1 }
        writer.release(first)
        // The place is free once the writer's thread has closed the file.
        var second = try writer.open(.file(folder.path + "/b"))
        while second.index != first.index {
            writer.release(second)
            second = try writer.open(.file(folder.path + "/b"))
        }
        submit("stale", to: first, of: writer)
        #expect(writer.figures.linesDroppedQueue == 1)
        #expect(writer.close(within: patience))
        #expect(try folder.read("a") == "still\n")
        #expect(try folder.read("b") == "")
    }

    @Test("What cannot be opened says why")
    func errors() throws {
        let folder = try Folder()
        let writer = try makeWriter { $0.destinations = 1 }
        #expect(throws: LogOpenError.directory(path: folder.path)) {
            try writer.open(.file(folder.path))
        }
        let missing = folder.path + "/none/log"
        #expect(throws: LogOpenError.refused(path: missing, code: ENOENT)) {
            try writer.open(.file(missing))
        }
        #expect(
            LogOpenError.refused(path: "/x", code: ENOENT).description
                == "cannot open log '/x': No such file or directory"
        )
        _ = try writer.open(.file(folder.path + "/a"))
        #expect(throws: LogOpenError.tooMany(limit: 1)) {
            try writer.open(.file(folder.path + "/b"))
        }
        #expect(writer.close(within: patience))
        #expect(throws: LogOpenError.closed) { try writer.open(.file(folder.path + "/c")) }
    }

    @Test("The paths of the standard streams mean the streams")
    func standardStreams() {
        #expect(LogTarget(path: "/dev/stdout") == .standardOutput)
        #expect(LogTarget(path: "/dev/stderr") == .standardError)
        #expect(LogTarget(path: "/var/log/a") == .file("/var/log/a"))
    }
}

/// Reads a pipe to its end on a thread of its own, so that the writer finds room.
private final class Draining: Sendable {
    private let content = Mutex("")
    private let done = DispatchSemaphore(value: 0)

    init(_ read: @escaping @Sendable () -> String) {
        Thread.detachNewThread {
            let text = read()
            self.content.withLock { $0 = text }
            self.done.signal()
        }
    }

    func wait() -> String {
        done.wait()
        return content.withLock { $0 }
    }
}
