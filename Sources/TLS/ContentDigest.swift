package import Bytes
import COpenSSL

/// Digests of contents.
package enum ContentDigest {
    /// The SHA-256 of the unread bytes of a buffer, which stay.
    ///
    /// - Returns: 32 bytes, or none when OpenSSL fails.
    package static func sha256(_ content: Buffer) -> [UInt8] {
        guard Library.isReady else { return [] }
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        var result: Int32 = 0
        _ = unsafe content.drain { bytes in
            // The digest has the 32 bytes that SHA-256 writes.
            result = unsafe EVP_Digest(
                bytes.baseAddress,
                bytes.count,
                &digest,
                &count,
                EVP_sha256(),
                nil
            )
            return 0
        }
        return result == 1 ? digest : []
    }
}
