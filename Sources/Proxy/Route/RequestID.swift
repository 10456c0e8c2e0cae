import Bytes

/// What a request is called in logs and error responses, here and at the app.
enum RequestID {
    /// None yet.
    case none
    /// Made here: 128 random bits, written as 32 hexadecimal digits.
    case made(UInt64, UInt64)
    /// A trusted peer's.
    case kept([UInt8])

    /// Whether there is one.
    var isSome: Bool {
        switch self {
        case .none: false
        case .made: true
        case .kept(let bytes): !bytes.isEmpty
        }
    }

    /// Writes it; nothing, if there is none.
    func write(to buffer: Buffer) {
        switch self {
        case .none: return
        case .made(let high, let low):
            buffer.append(paddedHexadecimal: high)
            buffer.append(paddedHexadecimal: low)
        case .kept(let bytes): buffer.append(bytes)
        }
    }
}
