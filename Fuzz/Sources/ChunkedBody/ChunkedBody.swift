import Bytes
import HTTP
import HTTP1

/// Chunked content: however the bytes arrive they come to the same, and content written anew is
/// read as the same content.
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
            trailerSize: 40,
            trailerCount: 3,
            chunkExtensionSize: 8,
            chunkExtensionTotal: 16
        )

    let whole = decode(input, pieces: input.count, limits: limits)
    precondition(whole == decode(input, pieces: 1 + Int(seed >> 4), limits: limits))
    precondition(whole == decode(input, pieces: 1, limits: limits))
    guard whole.outcome == .end else { return 0 }

    let again = decode(whole.written, pieces: 7, limits: MessageLimits())
    precondition(again.outcome == .end && again.consumed == whole.written.count)
    precondition(again.data == whole.data && again.trailers == whole.trailers)
    return 0
}

struct Decoded: Equatable {
    var data: [UInt8] = []
    var trailers: [UInt8] = []
    /// The content written anew, as one chunk.
    var written: [UInt8] = []
    var consumed = 0
    var outcome = ChunkedDecoder.Event.needMore
}

func decode(_ input: [UInt8], pieces: Int, limits: MessageLimits) -> Decoded {
    var decoder = ChunkedDecoder()
    var result = Decoded()
    var available = 0
    while true {
        let window = input.span.extracting(result.consumed..<available)
        let step = decoder.next(window, limits: limits)
        precondition(step.consumed <= window.count)
        if case .data(let range) = step.event {
            precondition(!range.isEmpty && range.upperBound == step.consumed)
            result.data += window.extracting(range).bytes()
        }
        result.consumed += step.consumed
        switch step.event {
        case .data: continue
        case .needMore:
            if available == input.count {
                // What is left depends on where the cuts were, as long as more is needed.
                result.consumed = 0
                return result
            }
            available = min(input.count, available + pieces)
        case .end, .invalid:
            result.outcome = step.event
            if case .invalid = step.event {
                result.consumed = 0
                return result
            }
            let buffer = Buffer()
            buffer.writeEndToEndFields(of: decoder.trailers)
            result.trailers = buffer.readable.bytes()
            buffer.removeAll()
            buffer.writeChunkHeader(size: result.data.count)
            buffer.append(result.data)
            if !result.data.isEmpty { buffer.writeChunkEnd() }
            buffer.writeLastChunk(trailers: decoder.trailers)
            result.written = buffer.readable.bytes()
            return result
        }
    }
}
