import Foundation
import Glibc
import Logging
import Testing

@testable import Telemetry

@Suite("The operational log", .timeLimit(.minutes(1)))
struct OperationalLogTests {
    private func line(
        _ format: OperationalLogFormat,
        _ message: String,
        _ metadata: [(String, String)] = [],
        level: Logger.Level = .warning,
        hasPriority: Bool = false
    ) -> String {
        text(
            OperationalLogLine(
                unixMilliseconds: 1_795_371_031_042,
                level: level,
                message: message,
                metadata: metadata.map { (key: $0.0, value: $0.1) }
            ).render(format, hasPriority: hasPriority)
        )
    }

    @Test("Text is time, level, message and pairs")
    func plain() {
        #expect(
            line(.text, "server 'a' is \"down\"", [("server", "10.0.0.1:80"), ("why", "no route")])
                == "2026-11-22T18:10:31.042Z warning server 'a' is \"down\" "
                + "server=10.0.0.1:80 why=\"no route\"\n"
        )
    }

    @Test("No message and no value starts a line or a pair of its own")
    func escaping() throws {
        let hostile = "a\n2026 error forged=1\u{1B}[2J"
        let plain = line(.text, hostile, [("key", "v\" forged=\"1"), ("empty", "")])
        #expect(plain.utf8.filter { $0 < 32 } == [10])
        #expect(plain.contains(#"key="v\" forged=\"1" empty="""#))
        let json = line(.json, hostile, [("k\"", "v\n")])
        let value = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String]
        #expect(value?["message"] == hostile && value?["k\""] == "v\n")
        #expect(json.utf8.filter { $0 < 32 } == [10])
    }

    @Test(
        "journald gets the level as syslog counts it",
        arguments: [
            (Logger.Level.trace, 7), (.debug, 7), (.info, 6), (.notice, 5), (.warning, 4),
            (.error, 3), (.critical, 2),
        ]
    )
    func priority(level: Logger.Level, number: Int) {
        let text = line(.text, "x", level: level, hasPriority: true)
        #expect(text.hasPrefix("<\(number)>2026-"))
    }

    @Test("The handler merges metadata, the call's own first, sorted by key")
    func handler() throws {
        var ends: [Int32] = [-1, -1]
        let status = unsafe pipe(&ends)
        #expect(status == 0)
        let output = OperationalLogOutput.descriptor(ends[1])
        var logger = Logger(label: "test") { _ in
            OperationalLogHandler(
                output: output,
                format: .text,
                level: .info,
                hasPriority: false,
                now: { 0 }
            )
        }
        logger[metadataKey: "b"] = "handler"
        logger[metadataKey: "c"] = "kept"
        logger.info("hello", metadata: ["b": "call", "a": "1"])
        logger.debug("not logged")
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = unsafe read(ends[0], &bytes, bytes.count)
        close(ends[0])
        #expect(
            text(Array(bytes.prefix(max(0, count))))
                == "1970-01-01T00:00:00.000Z info hello a=1 b=call c=kept\n"
        )
    }

    @Test("Through the writer a message is one line, and a closed writer ends nothing")
    func throughWriter() throws {
        let path = NSTemporaryDirectory() + "gateway-operational-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let writer = try LogWriter()
        let output = OperationalLogOutput.writer(writer, try writer.open(.file(path)))
        let logger = Logger(label: "test") { _ in
            OperationalLogHandler(output: output, format: .json)
        }
        logger.error("one")
        #expect(writer.close(within: 10_000_000_000))
        logger.error("two")
        #expect(writer.figures.linesDroppedQueue == 1)
        let content = try String(contentsOfFile: path, encoding: .utf8)
        #expect(content.hasSuffix(#""level":"error","message":"one"}"# + "\n"))
    }

    @Test("A descriptor that is not the journal's gets no priorities")
    func journal() {
        #expect(!OperationalLogHandler.isJournal(-1))
    }
}

@Suite("A message at most once an interval")
struct RateLimitedLogTests {
    @Test("The first goes through, and each that follows tells how many were held back")
    func interval() {
        var limit = RateLimitedLog(interval: 100)
        #expect(limit.admit(now: 1000) == 0)
        #expect(limit.admit(now: 1001) == nil)
        #expect(limit.admit(now: 1099) == nil)
        #expect(limit.admit(now: 1100) == 2)
        #expect(limit.admit(now: 1150) == nil)
        #expect(limit.admit(now: 5000) == 1)
        #expect(limit.admit(now: 5100) == 0)
    }
}
