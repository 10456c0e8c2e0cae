import Bytes
import HTTP
import HTTP1

/// Response heads: however the bytes arrive they are read the same, and what was accepted means the
/// same to whom it is passed on.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let seed = start[0]
    // Ends the last line: a line that has not ended may be refused later when it grows slowly.
    let input = Array(UnsafeBufferPointer(start: start + 1, count: count - 1)) + [13, 10]
    let limits =
        seed & 1 == 0
        ? MessageLimits()
        : MessageLimits(
            headSize: 200,
            fieldCount: 6,
            connectionOptionCount: 3
        )

    var head = ResponseHead()
    var parser = ResponseParser()
    let whole = parser.parse(input.span, limits: limits, into: &head)

    var grownHead = ResponseHead()
    var grown = HeadResult.incomplete
    var available = 0
    while grown == .incomplete, available < input.count {
        available = min(input.count, available + 1 + Int(seed >> 4) * (available % 3))
        grown = parser.parse(
            input.span.extracting(first: available),
            limits: limits,
            into: &grownHead
        )
    }
    precondition(grown == whole, "split feeding differs: \(grown) \(whole)")
    guard case .complete(let byteCount) = whole else { return 0 }
    precondition(byteCount <= input.count && head.status >= 100 && head.status < 600)

    let first = pass(head)
    precondition(first.readable.equals(pass(grownHead).readable))
    checkBytes(first.readable)
    var again = ResponseHead()
    let reread = parser.parse(first.readable, limits: MessageLimits(), into: &again)
    precondition(reread == .complete(byteCount: first.count), "not read as sent: \(reread)")
    precondition(again.status == head.status)
    for method in [Method.get, .head, .connect] {
        precondition(again.framing(forRequest: method) == head.framing(forRequest: method))
    }
    precondition(pass(again).readable.equals(first.readable))
    return 0
}

func pass(_ head: ResponseHead) -> Buffer {
    let buffer = Buffer()
    buffer.writeStatusLine(head.status, reason: head.reason)
    buffer.writeEndToEndFields(of: head.fields, skipping: [.contentLength, .transferEncoding])
    buffer.writeFraming(head.framing(forRequest: .get))
    buffer.writeEndOfHead()
    return buffer
}

/// No control characters but HTAB and whole line ends.
func checkBytes(_ bytes: Span<UInt8>) {
    for index in bytes.indices {
        switch bytes[index] {
        case 13: precondition(index + 1 < bytes.count && bytes[index + 1] == 10)
        case 10: precondition(index > 0 && bytes[index - 1] == 13)
        case 9, 32...126, 128...255: continue
        default: preconditionFailure("control character passed on")
        }
    }
}
