import Bytes
import EventLoop

@testable import Proxy

/// A head as a peer read it.
struct ReceivedHead {
    let lines: [String]

    var start: String { lines.first ?? "" }

    /// The values of a field, in their order.
    func values(_ name: String) -> [String] {
        let prefix = name.lowercased() + ":"
        return lines.dropFirst().compactMap { line in
            guard line.lowercased().hasPrefix(prefix) else { return nil }
            return line.dropFirst(prefix.count).drop { $0 == " " }.description
        }
    }

    func value(_ name: String) -> String? { values(name).first }
    var status: Int { Int(start.dropFirst(9).prefix(3)) ?? 0 }
}

/// Where a body ends, as its head says.
enum ReceivedFraming: Equatable {
    case length(Int)
    case chunked
    case untilClose
}

/// How reading a message ended.
enum MessageEnd: Error, Equatable {
    /// In order, but too early.
    case closed
    /// With a reset.
    case reset
    /// Not within the peer's patience.
    case silence
    /// With bytes that are no HTTP.
    case malformed(String)
}

/// A reader of messages that shares no code with the gateway's.
extension Peer {
    /// Receives more.
    private func more(patience: Int64) async throws(MessageEnd) {
        input.reserve(4096)
        do throws(StreamError) {
            if try await stream.read(into: input, deadline: now + patience) == 0 {
                throw StreamError.closed
            }
        } catch {
            switch error {
            case .closed: throw .closed
            case .timedOut: throw .silence
            default: throw .reset
            }
        }
    }

    /// Reads a head.
    func readHead(patience: Int64 = World.patience) async throws(MessageEnd) -> ReceivedHead {
        while true {
            if let lines = nextHead() { return ReceivedHead(lines: lines) }
            try await more(patience: patience)
        }
    }

    /// Reads a body to its end.
    /// - Parameters:
    ///   - framing: Where it ends.
    ///   - content: Gets what comes, whatever becomes of the rest.
    /// - Throws: How the message ended before its content was complete.
    func readBody(_ framing: ReceivedFraming, into content: inout [UInt8]) async throws(MessageEnd)
    {
        switch framing {
        case .length(let count): try await read(count, into: &content)
        case .untilClose:
            do throws(MessageEnd) {
                while true { try await read(max(1, input.count), into: &content) }
            } catch {
                if error != .closed { throw error }
            }
        case .chunked:
            while true {
                let line = try await readLine()
                let digits = line.prefix { $0 != ";" }
                guard let size = Int(digits, radix: 16) else { throw .malformed(line) }
                if size == 0 { break }
                try await read(size, into: &content)
                let end = try await readLine()
                if !end.isEmpty { throw .malformed(end) }
            }
            while try await !readLine().isEmpty {}
        }
    }

    private func read(_ count: Int, into content: inout [UInt8]) async throws(MessageEnd) {
        var left = count
        while left > 0 {
            if input.isEmpty { try await more(patience: World.patience) }
            let taken = min(left, input.count)
            let input = input
            content.append(contentsOf: input.readable.extracting(0..<taken).bytes())
            input.consume(taken)
            left -= taken
        }
    }

    private func readLine() async throws(MessageEnd) -> String {
        var line: [UInt8] = []
        while line.last != 0x0A { try await read(1, into: &line) }
        guard line.count >= 2, line[line.count - 2] == 0x0D else { throw .malformed("bare LF") }
        return String(decoding: line.dropLast(2), as: UTF8.self)
    }
}
