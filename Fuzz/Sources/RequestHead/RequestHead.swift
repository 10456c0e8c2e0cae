import Bytes
import HTTP
import HTTP1

/// Request heads: however the bytes arrive they are read the same, and what was accepted means the
/// same to whom it is forwarded.
///
/// The first byte of the input says how the rest is cut and which limits hold.
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
            targetSize: 24,
            methodSize: 8,
            connectionOptionCount: 3
        )

    var head = RequestHead()
    var parser = RequestParser()
    let whole = parser.parse(input.span, limits: limits, into: &head)

    var grownHead = RequestHead()
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
    precondition(byteCount <= input.count)

    var path: [UInt8] = []
    _ = PathNormalization.normalize(head.path, into: &path)
    let first = forward(head)
    precondition(first.readable.equals(forward(grownHead).readable))
    checkBytes(first.readable)
    var again = RequestHead()
    let reread = parser.parse(first.readable, limits: MessageLimits(), into: &again)
    precondition(reread == .complete(byteCount: first.count), "not read as sent: \(reread)")
    precondition(again.framing == head.framing && again.method == head.method)
    precondition(again.path.equals(head.path) && again.query.equals(head.query))
    if !head.host.isEmpty {
        precondition(again.host.equals(head.host) && again.port == head.port)
    }
    precondition(forward(again).readable.equals(first.readable))
    return 0
}

func forward(_ head: RequestHead) -> Buffer {
    let buffer = Buffer()
    buffer.writeRequestLine(head)
    // An HTTP/1.0 request may lack it.
    if head.authority.isEmpty {
        buffer.writeField("Host", value: "none")
    } else {
        buffer.writeField(.host, value: head.authority)
    }
    buffer.writeEndToEndFields(
        of: head.fields,
        skipping: [.host, .contentLength, .transferEncoding]
    )
    buffer.writeFraming(head.framing)
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
