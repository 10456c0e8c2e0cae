import Bytes
import Caching
import HTTP
import HTTP1

/// Records of stored responses, from a disk or from Redis: what is accepted is written as it was
/// read, and its head is one that a client's parser takes for what it says.
///
/// The checksum is 0 whatever it is of, as somebody who forges records gets it right too.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    guard let first = RecordProbe.read(input.span, checksum: { _ in 0 }) else { return 0 }
    precondition(first.counts.allSatisfy { $0 >= 0 && $0 <= input.count })
    guard let again = RecordProbe.read(first.rewritten.span, checksum: { _ in 0 }) else {
        preconditionFailure("what was read is refused when it is written")
    }
    precondition(again == first, "not read as written")

    let message = first.head + Array("Content-Length: 0\r\n\r\n".utf8)
    var head = ResponseHead()
    var parser = ResponseParser()
    let limits = MessageLimits(headSize: 1 << 20, fieldCount: 1 << 16, connectionOptionCount: 16)
    let result = parser.parse(message.span, limits: limits, into: &head)
    precondition(result == .complete(byteCount: message.count), "no head: \(result)")
    precondition(head.status == first.status)
    let framing = head.framing(forRequest: .get)
    precondition(framing == .length(0) || Status.forbidsContent(first.status))
    return 0
}
