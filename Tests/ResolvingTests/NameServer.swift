import Addressing
import Glibc
import Synchronization

/// A DNS server on 127.0.0.1 that answers from a table, for one test.
final class NameServer: Sendable {
    enum Answer: Sendable {
        /// Addresses with their TTL in seconds; none gives NODATA.
        case addresses([IPAddress], ttl: UInt32)
        /// A response code without records: 2 SERVFAIL, 3 NXDOMAIN.
        case code(UInt8)
        /// A datagram that is no DNS message.
        case garbage
        case silence
    }

    private struct State {
        var answers: [String: Answer] = [:]
        var queries: [String] = []
        var isStopped = false
    }

    private let state = Mutex(State())
    private let descriptor: Int32
    let port: UInt16

    /// What the resolver takes as its servers.
    var servers: String { "127.0.0.1:\(port)" }
    /// The names asked for so far, with `A` or `AAAA`.
    var queries: [String] { state.withLock(\.queries) }

    init(_ answers: [String: Answer]) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        self.descriptor = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Pointers to a local of the length that is passed.
        let status = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                let bound = unsafe bind(descriptor, generic, length)
                return bound == 0 ? unsafe getsockname(descriptor, generic, &length) : bound
            }
        }
        struct NoSocket: Error {}
        guard status == 0 else { throw NoSocket() }
        port = UInt16(bigEndian: address.sin_port)
        state.withLock { $0.answers = answers }
    }

    deinit { close(descriptor) }

    func set(_ name: String, _ answer: Answer) {
        state.withLock { $0.answers[name] = answer }
    }

    /// Makes `serve` return.
    func stop() {
        state.withLock { $0.isStopped = true }
    }

    /// Answers until stopped; runs on a thread of its own.
    func serve() {
        var bytes = [UInt8](repeating: 0, count: 512)
        while !state.withLock(\.isStopped) {
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&entry, 1, 20) > 0 else { continue }
            var sender = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            // Pointers to locals of the lengths that are passed.
            unsafe withUnsafeMutablePointer(to: &sender) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                    let count = unsafe recvfrom(descriptor, &bytes, 512, 0, generic, &length)
                    guard count > 0, let reply = reply(Array(bytes.prefix(count))) else { return }
                    _ = unsafe sendto(descriptor, reply, reply.count, 0, generic, length)
                }
            }
        }
    }

    /// The answer to a query of one question.
    private func reply(_ query: [UInt8]) -> [UInt8]? {
        var name = ""
        var index = 12
        while index < query.count, query[index] != 0 {
            let end = index + 1 + Int(query[index])
            guard end < query.count else { return nil }
            if !name.isEmpty { name += "." }
            name += String(decoding: query[index + 1..<end], as: UTF8.self)
            index = end
        }
        guard index + 5 <= query.count else { return nil }
        let type = query[index + 2]
        let question = query[12..<index + 5]
        let answer = state.withLock { state in
            state.queries.append("\(name) \(type == 1 ? "A" : "AAAA")")
            return state.answers[name] ?? .code(3)
        }
        switch answer {
        case .silence: return nil
        case .garbage: return [1, 2, 3]
        case .code(let code):
            return Array(query[0..<2]) + [0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0] + question
        case .addresses(let all, let ttl):
            let fitting = all.filter { $0.isIPv4 == (type == 1) }
            var reply =
                Array(query[0..<2]) + [0x81, 0x80, 0, 1, 0, UInt8(fitting.count), 0, 0, 0, 0]
            reply += question
            for address in fitting {
                reply += [0xc0, 12, 0, type, 0, 1]
                reply += big(UInt64(ttl), 4)
                reply += [0, address.isIPv4 ? 4 : 16]
                reply +=
                    address.isIPv4
                    ? big(address.low, 4) : big(address.high, 8) + big(address.low, 8)
            }
            return reply
        }
    }

    private func big(_ value: UInt64, _ count: UInt64) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
