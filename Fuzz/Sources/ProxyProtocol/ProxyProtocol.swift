import Addressing
import Bytes

/// PROXY protocol headers: however the bytes arrive they are read the same, what follows a header
/// is never looked at, and a header written anew is read as the same header.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let whole = ProxyHeader.read(input.span)

    // Byte by byte, until there is an answer: more bytes must not have changed it.
    var available = 0
    var grown = ProxyHeader.Reading.incomplete
    while grown == .incomplete, available < input.count {
        available += 1
        grown = ProxyHeader.read(input.span.extracting(first: available))
    }
    precondition(grown == whole, "split feeding differs: \(grown) \(whole)")

    switch whole {
    case .incomplete: precondition(input.count < ProxyHeader.maximumV2Count)
    case .invalid: break
    case .complete(let byteCount, let header):
        precondition(byteCount > 0 && byteCount <= input.count)
        precondition(byteCount == available, "bytes behind the header were needed")
        check(header)
    }
    return 0
}

func check(_ header: ProxyHeader) {
    for version in [ProxyHeader.Version.v1, .v2] {
        let written = Buffer()
        header.write(version, to: written)
        guard case .complete(let count, let again) = ProxyHeader.read(written.readable) else {
            preconditionFailure("not read as written: \(header)")
        }
        precondition(count == written.count)
        guard
            case .proxied(.ip(let source, let sourcePort), .ip(let target, let targetPort)) = header
        else {
            // What has no internet addresses is written as not known.
            precondition(again == .local)
            continue
        }
        guard
            case .proxied(.ip(let source2, let sourcePort2), .ip(let target2, let targetPort2)) =
                again
        else { preconditionFailure("addresses lost: \(header)") }
        precondition(source2.unmapped == source.unmapped && sourcePort2 == sourcePort)
        precondition(target2.unmapped == target.unmapped && targetPort2 == targetPort)
    }
}
