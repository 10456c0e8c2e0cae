import Addressing
import ArgumentParser
import Bytes
import EventLoop

/// What a subcommand asks the metrics listener of the gateway that runs.
enum ControlRequest {
    /// Sends a request with a token, and prints the answer's content.
    /// - Throws: Exit status 1, after what is wrong has been said on standard error.
    static func send(
        _ method: String,
        _ target: String,
        to address: SocketAddress,
        token: [UInt8]
    ) throws {
        let secret = String(decoding: token, as: UTF8.self)
        let request =
            "\(method) \(target) HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer \(secret)\r\n"
            + "Content-Length: 0\r\nConnection: close\r\n\r\n"
        let answer = try SimpleRequest.send(Array(request.utf8), to: address)
        let text = String(decoding: answer, as: UTF8.self)
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
        let content = parts.count > 1 ? String(parts[1]) : ""
        guard text.hasPrefix("HTTP/1.1 200 ") else {
            StandardError.write("Error: \(printable(content.isEmpty ? text : content))")
            throw ExitCode(1)
        }
        StandardOutput.write(content)
    }

    /// A value as a query takes it.
    static func encoded(_ text: String) -> String {
        var result = ""
        let digits = Array("0123456789ABCDEF")
        for byte in text.utf8 {
            let isPlain =
                byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || byte == 0x2D || byte == 0x2E
                || byte == 0x2F || byte == 0x3A
            if isPlain {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + String(digits[Int(byte >> 4)]) + String(digits[Int(byte & 15)])
            }
        }
        return result
    }
}

/// One request over a connection of its own, for a person who waits for the answer.
enum SimpleRequest {
    /// Nanoseconds to wait.
    private static let patience: Int64 = 10_000_000_000
    /// Bytes of an answer.
    private static let maximumAnswer = 16 << 20

    /// Sends a request, and reads until the other side closes.
    static func send(_ request: [UInt8], to address: SocketAddress) throws -> [UInt8] {
        let caller = try Caller()
        Task(executorPreference: caller.executor) { await caller.ask(request, address) }
        caller.executor.run { mustNotSleep in
            caller.assumeIsolated { $0.turn(mustNotSleep: mustNotSleep) }
        }
        switch caller.assumeIsolated({ $0.outcome }) {
        case .success(let bytes): return bytes
        case .failure(let error):
            StandardError.write("Error: \(address): \(error)\n")
            throw ExitCode(1)
        }
    }

    /// A loop of its own.
    private actor Caller {
        nonisolated let executor: LoopExecutor
        nonisolated var unownedExecutor: UnownedSerialExecutor {
            // The actor keeps its executor alive.
            unsafe executor.asUnownedSerialExecutor()
        }
        private let reactor: Reactor
        private(set) var outcome: Result<[UInt8], StreamError> = .failure(.closed)

        init() throws {
            executor = try LoopExecutor()
            reactor = try Reactor(executor: executor, seed: 0)
        }

        func turn(mustNotSleep: Bool) { reactor.poll(mustNotSleep: mustNotSleep) }

        func ask(_ request: [UInt8], _ address: SocketAddress) async {
            let deadline = reactor.now + SimpleRequest.patience
            do throws(StreamError) {
                let stream = try await reactor.connect(to: address, deadline: deadline)
                let buffer = Buffer()
                buffer.append(request)
                try await stream.write(buffer, deadline: deadline)
                while buffer.count < SimpleRequest.maximumAnswer {
                    buffer.reserve(16 * 1024)
                    if try await stream.read(into: buffer, deadline: deadline) == 0 { break }
                }
                stream.close()
                outcome = .success(buffer.readable.bytes())
            } catch {
                outcome = .failure(error)
            }
            executor.stop()
        }
    }
}
