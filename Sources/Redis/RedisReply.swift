import CHiredis

/// What Redis answers to one command.
public enum RedisReply: Sendable, Equatable {
    /// `+OK`.
    case status(String)
    /// `-ERR …`, `-MOVED …`, `-READONLY …`.
    case error(String)
    case integer(Int64)
    case string([UInt8])
    case array([RedisReply])
    case null

    /// The number, where it is one.
    public var number: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The items, where it is an array.
    public var items: [RedisReply]? { if case .array(let items) = self { items } else { nil } }
    /// The bytes, where it is a string.
    public var bytes: [UInt8]? { if case .string(let bytes) = self { bytes } else { nil } }
    /// The text, where it is a string.
    var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
}

/// Takes Redis' bytes apart with hiredis' reader.
@safe public final class RedisReplyReader {
    /// The bytes are none that Redis sends; the connection is of no more use.
    public struct Invalid: Error {}

    // Owned by this object: made in `init`, freed in `deinit`, never handed out.
    private let reader: UnsafeMutablePointer<redisReader>

    /// Makes a reader; nil without memory.
    public init?() {
        guard let reader = unsafe gateway_reader_make() else { return nil }
        unsafe self.reader = reader
    }

    deinit { unsafe redisReaderFree(reader) }

    /// Takes bytes in.
    public func feed(_ bytes: Span<UInt8>) throws(Invalid) {
        // The library copies what the pointer leads to while the span lends it.
        let result = unsafe bytes.withUnsafeBufferPointer { buffer -> Int32 in
            guard let base = buffer.baseAddress else { return 0 }
            return unsafe base.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                unsafe redisReaderFeed(reader, $0, buffer.count)
            }
        }
        guard result == 0 else { throw Invalid() }
    }

    /// The next whole reply; nil when more bytes are needed.
    public func next() throws(Invalid) -> RedisReply? {
        var object: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(reader, &object) == 0 else { throw Invalid() }
        guard let object = unsafe object else { return nil }
        defer { unsafe gateway_reply_free(object) }
        // The reader's objects are `gateway_reply`, by the functions it was made with.
        return unsafe RedisReplyReader.convert(object.assumingMemoryBound(to: gateway_reply.self))
    }

    private static func convert(_ pointer: UnsafePointer<gateway_reply>) -> RedisReply {
        let reply = unsafe pointer.pointee
        switch Int(unsafe reply.type) {
        case gateway_reply_is_integer: return .integer(unsafe reply.integer)
        case gateway_reply_is_status: return unsafe .status(text(reply))
        case gateway_reply_is_error: return unsafe .error(text(reply))
        case gateway_reply_is_string: return unsafe .string(bytes(reply))
        case gateway_reply_is_array:
            var items: [RedisReply] = []
            for index in 0..<(unsafe reply.count) {
                // The array has `count` places; one that was never filled is nil.
                guard let item = unsafe reply.items[index] else {
                    items.append(.null)
                    continue
                }
                items.append(unsafe convert(item))
            }
            return .array(items)
        default: return .null
        }
    }

    private static func bytes(_ reply: gateway_reply) -> [UInt8] {
        guard let start = unsafe reply.text else { return [] }
        // `length` bytes were copied there.
        let buffer = unsafe UnsafeRawBufferPointer(start: start, count: reply.length)
        return unsafe Array(buffer)
    }

    private static func text(_ reply: gateway_reply) -> String {
        String(decoding: unsafe bytes(reply), as: UTF8.self)
    }
}
