import Addressing
import Bytes
import Foundation
import Testing

@testable import EventLoop

@Suite("Pages sent behind a head")
struct PageSendingTests {
    /// Congestion controls that any process may choose; nil for the machine's own.
    static let controls: [String?] = [nil, "reno"]
    /// Bytes of a head and of the pages behind it.
    private static let sizes = (head: 300, pages: 100_000)
    private static let messages = 40

    @Test("Heads and pages arrive in their order, however slow the peer", arguments: controls)
    func order(_ control: String?) throws {
        let result = Transfer()
        let writer: Script = { reactor in
            // However it ends, nobody waits for it any more.
            defer { result.isOver = true }
            let socket = try ListeningSocket(binding: try SocketAddress("127.0.0.1:0"))
            let bound = socket.address
            let listener = try Listener(reactor: reactor, socket: socket)
            let client = try await reactor.connect(to: bound, deadline: reactor.after(seconds: 5))
            let server = try #require(await listener.accept()).stream
            let descriptor = try #require(server.descriptor)
            if let control {
                // The name and its length are those of one string.
                let result = unsafe setsockopt(
                    descriptor,
                    Int32(IPPROTO_TCP),
                    TCP_CONGESTION,
                    control,
                    socklen_t(control.utf8.count)
                )
                try #require(result == 0)
                #expect(!Sockets.isPaced(descriptor))
            }
            let file = try #require(PageFile())
            let extent = try #require(file.makeExtent(capacity: Self.sizes.pages))
            let pages = (0..<Self.sizes.pages).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            #expect(Self.append(pages, to: extent))
            result.client = client
            for number in 0..<Self.messages {
                let bytes = [UInt8](repeating: UInt8(number), count: Self.sizes.head)
                result.expected += bytes + pages
                let head = Buffer()
                head.append(bytes)
                try server.send(aheadOfPages: head)
                try await server.write(head, deadline: reactor.after(seconds: 20))
                var rest = 0..<Self.sizes.pages
                while true {
                    try extent.send(to: server, &rest)
                    if rest.isEmpty { break }
                    try await server.waitUntilWritable(deadline: reactor.after(seconds: 20))
                }
            }
            server.close()
            listener.close()
        }
        let reader: Script = { reactor in
            while result.client == nil && !result.isOver { await reactor.yield() }
            let client = try #require(result.client)
            while true {
                result.received.reserve(10_000)
                let deadline = reactor.after(seconds: 20)
                if try await client.read(into: result.received, deadline: deadline) == 0 { break }
            }
            client.close()
        }
        try withSockets(writer, reader)
        let received = result.received
        let bytes = received.readable.bytes()
        #expect(bytes == result.expected)
        #expect(result.expected.count == Self.messages * (Self.sizes.head + Self.sizes.pages))
    }

    @Test("A socket without congestion control does not keep a head back")
    func unix() throws {
        let ends = try #require(Self.pair())
        #expect(Sockets.isPaced(ends.0))
        close(ends.0)
        close(ends.1)
    }

    private static func append(_ bytes: [UInt8], to extent: PageExtent) -> Bool {
        extent.append(bytes.span)
    }

    private static func pair() -> (Int32, Int32)? {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue)
        // Two descriptors, in an array of two.
        return unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0 ? (ends[0], ends[1]) : nil
    }
}

/// What both ends of a connection know; one thread touches it.
private final class Transfer: @unchecked Sendable {
    var client: EventLoop.Stream?
    var isOver = false
    var expected: [UInt8] = []
    let received = Buffer()
}
