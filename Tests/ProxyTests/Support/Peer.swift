import Bytes
import EventLoop
import Testing

@testable import Proxy

/// Ends a script whose expectation has failed; the failure is recorded already.
struct ScriptEnded: Error {}

/// A server that a script plays; one thread touches it, see `World`.
final class Origin: @unchecked Sendable {
    private let listener: EventLoop.Listener
    private unowned let world: World

    init(listener: EventLoop.Listener, world: World) {
        self.listener = listener
        self.world = world
    }

    /// Waits for the gateway to connect.
    func accept(sourceLocation: SourceLocation = #_sourceLocation) async throws -> Peer {
        guard let accepted = await listener.accept() else {
            Issue.record("the origin's listener was closed", sourceLocation: sourceLocation)
            throw ScriptEnded()
        }
        return world.adopt(accepted.stream, name: "origin")
    }

    /// Waits for the next connection; nil when the world ends.
    func next() async -> Peer? {
        guard let accepted = await listener.accept() else { return nil }
        return world.adopt(accepted.stream, name: "origin")
    }

    /// Whether the gateway has connected once more.
    func hasConnection() -> Bool {
        guard let accepted = listener.acceptNow() else { return false }
        accepted.stream.close()
        return true
    }

    /// Refuses connections from now on.
    func stop() { listener.close() }
}

/// One side of a connection with the gateway, as a script plays it; one thread touches it, see
/// `World`.
final class Peer: @unchecked Sendable {
    let stream: EventLoop.Stream
    private let name: String
    private unowned let world: World
    /// Received and not yet looked at.
    let input = Buffer()
    private let output = Buffer()
    /// Bytes of the input that are known to hold no end of a head.
    private var scanned = 0

    init(stream: EventLoop.Stream, name: String, world: World) {
        self.stream = stream
        self.name = name
        self.world = world
    }

    var now: Int64 { world.now }

    // MARK: Saying

    /// Sends a head, and a body behind it; in both `\n` stands for CRLF.
    func send(_ lines: String..., body: String = "") async throws {
        try await send(bytes: wire(lines.joined(separator: "\n") + "\n\n" + body))
    }

    /// Sends text, in which `\n` stands for CRLF.
    func send(raw text: String) async throws { try await send(bytes: wire(text)) }

    /// Sends bytes; takes as long as the gateway wants them to.
    func send(bytes: [UInt8]) async throws {
        output.append(bytes)
        try await stream.write(output, deadline: world.now + World.patience)
    }

    /// Sends what goes without waiting.
    /// - Returns: How many bytes went.
    func offer(bytes: [UInt8]) throws -> Int {
        output.append(bytes)
        try stream.send(output)
        let sent = bytes.count - output.count
        output.removeAll()
        return sent
    }

    func halfClose() { stream.shutdownWrite() }
    func close() { stream.close() }
    func reset() { stream.close(abruptly: true) }

    // MARK: Expecting

    /// Expects a head, and exactly this body behind it.
    ///
    /// `lines`: The start line, and fields that must be there. `Name: *` is a field with any
    ///     value, `!Name` one that must not be there.
    ///
    /// `body`: Bytes behind the head, framing included; `\n` stands for CRLF.
    /// Returns The lines of the head that came.
    @discardableResult
    func gets(
        _ lines: String...,
        body: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [String] {
        try await gets(lines: lines, body: body, sourceLocation: sourceLocation)
    }

    /// Expects a head and a body, as `gets` with single lines.
    @discardableResult
    func gets(
        lines: [String],
        body: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> [String] {
        let head = try await head(sourceLocation: sourceLocation)
        for problem in HeadPattern(lines).problems(in: head) {
            Issue.record(
                "\(name): \(problem)\n\(head.joined(separator: "\n"))",
                sourceLocation: sourceLocation
            )
            throw ScriptEnded()
        }
        if !body.isEmpty { try await gets(raw: body, sourceLocation: sourceLocation) }
        return head
    }

    /// The next head, whatever it is; nothing is recorded when none comes.
    func anyHead() async throws -> [String] {
        while true {
            if let head = nextHead() { return head }
            input.reserve(4096)
            if try await stream.read(into: input, deadline: world.now + World.patience) == 0 {
                throw ScriptEnded()
            }
        }
    }

    /// Takes the body that a head with Content-Length announces.
    func skipBody(_ head: [String]) async throws {
        for line in head where line.hasPrefix("Content-Length: ") {
            _ = try await take(Int(line.dropFirst(16)) ?? 0)
        }
    }

    /// Expects exactly these bytes; `\n` stands for CRLF.
    func gets(raw text: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let expected = wire(text)
        let got = try await take(expected.count, sourceLocation: sourceLocation)
        guard got == expected else {
            Issue.record(
                "\(name) expected \(quoted(expected)), got \(quoted(got))",
                sourceLocation: sourceLocation
            )
            throw ScriptEnded()
        }
    }

    /// Takes so many bytes.
    func take(_ count: Int, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> [UInt8]
    {
        while input.count < count {
            if try await receive("\(count) bytes", sourceLocation) == 0 {
                throw fail("an end after \(quoted(taken()))", sourceLocation)
            }
        }
        // Held here for as long as the span of it lives.
        let input = input
        let bytes = input.readable.extracting(0..<count).bytes()
        input.consume(count)
        return bytes
    }

    /// Expects the connection to end in order, with nothing more sent.
    func ends(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        while try await receive("the end", sourceLocation) > 0 {}
        if !input.isEmpty {
            Issue.record(
                "\(name) got \(quoted(taken())) before the end",
                sourceLocation: sourceLocation
            )
            throw ScriptEnded()
        }
    }

    /// Expects the connection to break.
    /// - Returns: What came before that.
    @discardableResult
    func breaks(sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        do throws(StreamError) {
            while true {
                input.reserve(4096)
                let count = try await stream.read(into: input, deadline: world.now + World.patience)
                if count == 0 { break }
            }
        } catch .reset {
            return String(decoding: taken(), as: UTF8.self)
        } catch {
            Issue.record("\(name) expected a reset, got \(error)", sourceLocation: sourceLocation)
            throw ScriptEnded()
        }
        Issue.record("\(name) expected a reset, got an orderly end", sourceLocation: sourceLocation)
        throw ScriptEnded()
    }

    /// Expects the connection to end, in order or not, whatever comes before that.
    func isGone(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        do throws(StreamError) {
            while true {
                input.removeAll()
                input.reserve(4096)
                if try await stream.read(into: input, deadline: now + World.patience) == 0 {
                    return
                }
            }
        } catch {
            if error != .timedOut { return }
            throw fail("no end", sourceLocation)
        }
    }

    /// Expects nothing to arrive, and the connection to stay, for some time.
    func isQuiet(seconds: Double, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        await world.pass(seconds: seconds)
        input.reserve(4096)
        let count: Int?
        do throws(StreamError) {
            count = try stream.receive(into: input)
        } catch {
            Issue.record("\(name) expected quiet, got \(error)", sourceLocation: sourceLocation)
            throw ScriptEnded()
        }
        if count != nil || !input.isEmpty {
            Issue.record(
                "\(name) expected quiet, got \(count == 0 ? "the end" : quoted(taken()))",
                sourceLocation: sourceLocation
            )
            throw ScriptEnded()
        }
    }

    private func head(sourceLocation: SourceLocation) async throws -> [String] {
        while true {
            if let head = nextHead() { return head }
            if try await receive("a head", sourceLocation) == 0 {
                throw fail("an end after \(quoted(taken())) instead of a head", sourceLocation)
            }
        }
    }

    /// Takes a head out of what has been received, if all of it is there.
    func nextHead() -> [String]? {
        // Held here for as long as the span of it lives.
        let input = input
        let bytes = input.readable
        var end = max(4, scanned)
        while end <= bytes.count && !bytes.extracting(end - 4..<end).equals("\r\n\r\n") { end += 1 }
        if end > bytes.count {
            scanned = max(4, bytes.count)
            return nil
        }
        scanned = 0
        let head = String(decoding: bytes.extracting(0..<end - 4).bytes(), as: UTF8.self)
        input.consume(end)
        return head.split(separator: "\r\n", omittingEmptySubsequences: false).map(String.init)
    }

    private func receive(_ what: String, _ sourceLocation: SourceLocation) async throws -> Int {
        input.reserve(4096)
        do throws(StreamError) {
            return try await stream.read(into: input, deadline: world.now + World.patience)
        } catch {
            Issue.record(
                "\(name) expected \(what), got \(error) after \(quoted(taken()))",
                sourceLocation: sourceLocation
            )
            throw ScriptEnded()
        }
    }

    private func fail(_ problem: String, _ sourceLocation: SourceLocation) -> ScriptEnded {
        Issue.record("\(name) got \(problem)", sourceLocation: sourceLocation)
        return ScriptEnded()
    }

    private func taken() -> [UInt8] {
        defer { input.removeAll() }
        let input = input
        return input.readable.bytes()
    }
}

/// What a head must look like.
struct HeadPattern {
    private let lines: [String]

    init(_ lines: [String]) { self.lines = lines }

    /// What is wrong with a head.
    func problems(in head: [String]) -> [String] {
        var problems: [String] = []
        if let start = lines.first, !(head.first.map { fits(start, $0) } ?? false) {
            problems.append("expected '\(start)'")
        }
        for line in lines.dropFirst() {
            if line.hasPrefix("!") {
                let name = line.dropFirst().lowercased() + ":"
                if head.contains(where: { $0.lowercased().hasPrefix(name) }) {
                    problems.append("unexpected field \(line.dropFirst())")
                }
            } else if line.hasSuffix("*") {
                if !head.contains(where: { $0.hasPrefix(line.dropLast()) }) {
                    problems.append("missing '\(line)'")
                }
            } else if !head.dropFirst().contains(line) {
                problems.append("missing '\(line)'")
            }
        }
        return problems
    }

    /// Whether a line is the one wanted, or begins as one that ends in `*`.
    private func fits(_ pattern: String, _ line: String) -> Bool {
        pattern.hasSuffix("*") ? line.hasPrefix(pattern.dropLast()) : line == pattern
    }
}

/// The bytes of a text in which `\n` stands for CRLF.
func wire(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
        if byte == 0x0A { bytes.append(0x0D) }
        bytes.append(byte)
    }
    return bytes
}

private func quoted(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes.prefix(400), as: UTF8.self).debugDescription
    return bytes.count > 400 ? "\(text)… (\(bytes.count) bytes)" : text
}
