import Bytes
import Foundation
import Testing

@testable import Telemetry

@Suite("The access log of a loop", .timeLimit(.minutes(1)))
struct LoopLogTests {
    @Test("Lines go out in batches: by size at once, the rest by a flush")
    func batches() throws {
        let path = NSTemporaryDirectory() + "gateway-loop-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let writer = try LogWriter()
        let destination = try writer.open(.file(path))
        let log = LoopLog(writer: writer)
        let target = [UInt8](repeating: 97, count: 1000)
        func append() {
            var record = AccessRecord(unixMilliseconds: 0, status: 204)
            record.target = target.span
            log.append(record, as: .json, to: destination)
        }
        #expect(log.isEmpty)
        append()
        #expect(!log.isEmpty && writer.figures == LogFigures())
        for _ in 1..<100 { append() }
        log.flush()
        #expect(log.isEmpty)
        #expect(writer.close(within: 10_000_000_000))
        #expect(writer.figures.linesWritten == 100)
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 100 && Set(lines).count == 1)
    }

    @Test("Lines for a log that has been released are dropped, and none reaches its successor")
    func successor() throws {
        let folder = NSTemporaryDirectory() + "gateway-loop-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let writer = try LogWriter()
        let log = LoopLog(writer: writer)
        let first = try writer.open(.file(folder + "/a"))
        log.append(AccessRecord(unixMilliseconds: 0, status: 201), as: .common, to: first)
        writer.release(first)
        var second = try writer.open(.file(folder + "/b"))
        while second.index != first.index {
            writer.release(second)
            second = try writer.open(.file(folder + "/b"))
        }
        log.append(AccessRecord(unixMilliseconds: 0, status: 202), as: .common, to: second)
        log.flush()
        #expect(writer.close(within: 10_000_000_000))
        #expect(writer.figures.linesDroppedQueue == 1)
        let text = try String(contentsOfFile: folder + "/b", encoding: .utf8)
        #expect(text.contains(" 202 ") && !text.contains(" 201 "))
    }
}
