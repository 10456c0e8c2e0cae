/// What the first bytes of a record say.
///
/// Source: RFC 8446 §5.1, §5.2.
enum RecordHeader: Equatable {
    /// More bytes have to come.
    case incomplete
    /// So many bytes of ciphertext follow the header, tag included.
    case record(Int)
    case refused(Alert)

    /// Reads the header of a protected record.
    init(_ bytes: Span<UInt8>) {
        if bytes.isEmpty {
            self = .incomplete
        } else if bytes[0] != ContentType.applicationData {
            // Whatever comes after the handshake is protected, alerts included, and the
            // change_cipher_spec of old middleboxes has its place before its end.
            self = .refused(.unexpectedMessage)
        } else if bytes.count < TLSLimits.headerBytes {
            self = .incomplete
        } else {
            // The version, in the bytes between, is ignored. Source: RFC 8446 §5.2.
            let length = Int(bytes[3]) << 8 | Int(bytes[4])
            if length > TLSLimits.ciphertextBytes {
                self = .refused(.recordOverflow)
            } else if length < CipherSuite.tagBytes {
                self = .refused(.badRecordMAC)
            } else {
                self = .record(length)
            }
        }
    }
}

/// What was inside a record: the kind and the size of its content, and the content's first bytes.
struct InnerRecord: Equatable {
    /// 0 when there was nothing but padding.
    let type: UInt8
    /// Bytes of content, without type and padding.
    let count: Int
    /// The first bytes, the very first one lowest.
    private let head: UInt64

    /// Takes padding off.
    /// - Parameter plain: Content, type and zeros.
    init(_ plain: Span<UInt8>) {
        var end = plain.count
        while end > 0 && plain[end - 1] == 0 { end -= 1 }
        type = end > 0 ? plain[end - 1] : 0
        count = max(end - 1, 0)
        var head: UInt64 = 0
        for index in 0..<min(count, 8) { head |= UInt64(plain[index]) << UInt64(8 * index) }
        self.head = head
    }

    /// A byte of the content.
    /// - Parameter index: Less than 8 and less than `count`.
    subscript(index: Int) -> UInt8 { UInt8(truncatingIfNeeded: head >> UInt64(8 * index)) }
}
