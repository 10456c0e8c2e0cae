import Bytes
import HTTP

@testable import Compression

/// A buffer that holds these bytes.
func buffer(_ bytes: [UInt8]) -> Buffer {
    let buffer = Buffer()
    buffer.append(bytes)
    return buffer
}

extension Buffer {
    /// Everything in it, as an array.
    var all: [UInt8] {
        let bytes = readable
        return bytes.bytes()
    }
}
