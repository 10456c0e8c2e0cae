import Bytes
import Compression
import HTTP

/// Contents with a coding, and what decides about codings: however the bytes arrive they decode to
/// the same, no more than the room given is used, and content coded here decodes to itself.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let seed = start[0]
    let input = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    let codings: [ContentCoding] = [.gzip, .deflate, .brotli, .zstd]
    let coding = codings[Int(seed & 3)]
    let pool = CodecPool(limit: 1 << 30)

    let whole = decode(input, coding, pieces: max(1, input.count), pool)
    precondition(whole == decode(input, coding, pieces: 1 + Int(seed >> 4), pool))

    let source = Buffer()
    source.append(input)
    let coded = Buffer()
    let padding = coding == .deflate ? 0 : Int(seed >> 2)
    guard let encoder = pool.takeEncoder(coding, .balanced, padding: padding, to: coded) else {
        return 0
    }
    do {
        _ = try encoder.encode(source, to: coded, .flush)
        _ = try encoder.encode(source, to: coded, .finish)
    } catch {
        preconditionFailure("\(error)")
    }
    pool.give(encoder)
    precondition(decode(coded.readable.bytes(), coding, pieces: 7, pool) == input)
    precondition(pool.lent == 0)

    let accept = AcceptEncoding(input.span)
    if let choice = accept.preferred(of: codings) { precondition(accept.weight(of: choice) > 0) }
    let originals = Buffer()
    _ = CodedEntityTag.writeOriginals(of: input.span, to: originals)
    return 0
}

/// The content, or nil if it is none; at most a mebibyte of it.
func decode(_ input: [UInt8], _ coding: ContentCoding, pieces: Int, _ pool: CodecPool) -> [UInt8]? {
    guard let decoder = pool.takeDecoder(coding) else { return nil }
    defer { pool.giveDecoder(coding) }
    let source = Buffer()
    let target = Buffer()
    var position = 0
    var isAll = true
    repeat {
        let end = min(position + pieces, input.count)
        source.append(Array(input[position..<end]))
        position = end
        do {
            isAll = try decoder.decode(
                source,
                to: target,
                limit: 1 << 20,
                sourceHasEnded: position == input.count
            )
        } catch {
            return nil
        }
        precondition(target.count <= 1 << 20)
    } while position < input.count && isAll
    return isAll ? target.readable.bytes() : nil
}
