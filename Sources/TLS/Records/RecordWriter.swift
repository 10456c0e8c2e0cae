public import Bytes

/// Makes the records of one side of a TLS 1.3 connection once the handshake is complete.
///
/// Source: RFC 8446 §5.
public struct RecordWriter {
    private let keys: TrafficKeys
    /// Records protected by one key at most.
    private let recordsPerKey: UInt64

    /// Begins with keys for sealing, each for so many records at most, at least 2.
    public init(_ keys: TrafficKeys, recordsPerKey: UInt64 = TLSLimits.recordsPerKey) {
        self.keys = keys
        self.recordsPerKey = recordsPerKey
    }

    /// Gives the cipher's memory back until the next record.
    public func rest() { keys.rest() }

    /// Writes one record of content, behind new keys if they are due.
    /// - Parameters:
    ///   - content: Not empty; what was protected is consumed.
    ///   - owesKeyUpdate: Whether the peer has asked for new keys; answered here.
    ///   - output: Gets the record.
    /// - Returns: Whether it went well.
    public func write(_ content: Buffer, owing owesKeyUpdate: inout Bool, to output: Buffer)
        -> Bool
    {
        // The message that announces new keys is the last record of the old ones.
        if owesKeyUpdate || keys.sequence >= recordsPerKey - 1 {
            guard renewKeys(to: output) else { return false }
            // However often it was asked for meanwhile. Source: RFC 8446 §4.6.3.
            owesKeyUpdate = false
        }
        let taken = unsafe content.drain { bytes in
            let part = unsafe UnsafeRawBufferPointer(
                rebasing: bytes.prefix(TLSLimits.recordBytes)
            )
            return unsafe seal(part, type: ContentType.applicationData, to: output)
                ? part.count : -1
        }
        return taken > 0
    }

    /// Announces new keys, without asking the peer for any, and goes on with them.
    /// - Returns: Whether it went well.
    public func renewKeys(to output: Buffer) -> Bool {
        // KeyUpdate, of one byte: update_not_requested. Source: RFC 8446 §4.6.3.
        let message: [5 of UInt8] = [24, 0, 0, 1, 0]
        return seal(message.span, type: ContentType.handshake, to: output) && keys.renew()
    }

    /// Writes an alert.
    /// - Returns: Whether it went well.
    public func write(_ alert: Alert, to output: Buffer) -> Bool {
        let message: [2 of UInt8] = [alert.level, alert.rawValue]
        return seal(message.span, type: ContentType.alert, to: output)
    }

    /// Writes a record of any kind, of content, type and padding: for peers that tests and the
    /// fuzzer make up.
    /// - Returns: Whether it went well.
    public func write(inner: Span<UInt8>, to output: Buffer) -> Bool {
        guard inner.count > 0 else { return false }
        let last = inner.count - 1
        return seal(inner.extracting(0..<last), type: inner[last], to: output)
    }

    private func seal(_ content: Span<UInt8>, type: UInt8, to output: Buffer) -> Bool {
        // Lent for the call.
        unsafe content.withUnsafeBytes { unsafe seal($0, type: type, to: output) }
    }

    private func seal(_ content: UnsafeRawBufferPointer, type: UInt8, to output: Buffer) -> Bool {
        output.reserve(content.count + TLSLimits.sealedOverhead)
        return unsafe output.fill { unsafe keys.seal(content, type: type, into: $0) } > 0
    }
}
