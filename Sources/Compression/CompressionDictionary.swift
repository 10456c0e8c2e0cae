public import Bytes
import CZstd
public import HTTP

/// A content made ready to be the dictionary of others.
///
/// It never changes after it was made, and zstd only reads it: any number of encoders on any loops
/// use it at once (`zstd.h` on `ZSTD_createCDict`).
@safe public final class CompressionDictionary: @unchecked Sendable {
    /// Made by `init`, freed by `deinit`.
    let prepared: OpaquePointer
    /// By which clients name it.
    public let hash: DictionaryHash
    /// Bytes of the content.
    public let contentCount: Int
    /// Bytes of memory that it takes, the content's among them.
    public let byteCount: Int

    /// Copies and indexes a content: about 4 ms for a megabyte.
    ///
    /// One level serves all: higher ones take up to 25 times the content's memory and find nothing
    /// more in a content that changed a little. nil when there is no memory, or when the content
    /// would be taken for one in zstd's own format for dictionaries, which is none of a `raw` one.
    /// - Parameters:
    ///   - content: All of it; it stays as it is.
    ///   - hash: The SHA-256 of it.
    public init?(_ content: Buffer, hash: DictionaryHash) {
        let bytes = content.readable
        guard bytes.count >= CompressionLimits.smallestDictionary, !Self.isFormatted(bytes) else {
            return nil
        }
        var made: OpaquePointer?
        _ = unsafe content.drain { bytes in
            unsafe made = ZSTD_createCDict(
                bytes.baseAddress,
                bytes.count,
                CompressionLimits.dictionaryLevel
            )
            return 0
        }
        guard let dictionary = unsafe made else { return nil }
        unsafe prepared = dictionary
        self.hash = hash
        contentCount = bytes.count
        byteCount = unsafe ZSTD_sizeof_CDict(dictionary)
    }

    deinit { unsafe ZSTD_freeCDict(prepared) }

    /// Source: RFC 8878 §5, the magic number of a formatted dictionary.
    private static func isFormatted(_ bytes: Span<UInt8>) -> Bool {
        bytes[0] == 0x37 && bytes[1] == 0xA4 && bytes[2] == 0x30 && bytes[3] == 0xEC
    }

    /// The base-2 logarithm of the window for a content: as large as that, so that all of the
    /// dictionary can be used to its end.
    ///
    /// Source: RFC 9842 §5, decoders take 8 MiB.
    /// - Parameter length: Bytes of the content; nil where that is not known, and then it is taken
    ///   for a quarter longer than the dictionary.
    /// - Returns: The logarithm.
    func windowLog(forLength length: Int?) -> Int32 {
        let wanted = length ?? contentCount + contentCount / 4
        let range = CompressionLimits.dictionaryWindowLogs
        var log = range.lowerBound
        while log < range.upperBound && 1 << log < wanted { log += 1 }
        return log
    }
}

extension Buffer {
    /// Writes what stands before a stream that needs a dictionary: a skippable frame that holds its
    /// hash.
    ///
    /// Source: RFC 9842 §5.
    func writeDictionaryHeader(_ hash: DictionaryHash) {
        for byte in [0x5E, 0x2A, 0x4D, 0x18, 0x20, 0, 0, 0] as [UInt8] { append(byte) }
        hash.write(to: self)
    }
}
