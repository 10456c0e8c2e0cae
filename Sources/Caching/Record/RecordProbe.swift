import Bytes

/// Reading records from outside the package: for the fuzz target, which has no other way in.
public enum RecordProbe {
    /// What was read.
    public struct Result: Sendable, Equatable {
        /// The bytes of the same response, written anew.
        public let rewritten: [UInt8]
        /// Status line and fields, as they would be sent.
        public let head: [UInt8]
        /// Its status.
        public let status: Int
        /// Bytes of content, and of it in all codings.
        public let counts: [Int]
    }

    /// Reads bytes as one.
    ///
    /// - Parameters:
    ///   - bytes: Whatever they are.
    ///   - checksum: What stands in the place of CRC-32.
    /// - Returns: nil where they are refused.
    public static func read(
        _ bytes: Span<UInt8>,
        checksum: @escaping @Sendable (Span<UInt8>) -> UInt32
    ) -> Result? {
        let place = StoredRecord.Place.shared
        let (object, reading) = StoredRecord.read(
            whole: bytes,
            epoch: place.epoch,
            checksum: checksum,
            extent: { _ in nil }
        ) { _ in }
        guard let object, case .record(let record) = reading else { return nil }
        return Result(
            rewritten: StoredWriting(object, record.place, checksum: checksum).bytes(),
            head: object.head.bytes(),
            status: object.status,
            counts: [object.contentCount] + record.forms.map(\.contentCount)
        )
    }
}
