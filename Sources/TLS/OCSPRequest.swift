import COpenSSL

/// What is asked of an OCSP responder about one certificate.
public struct OCSPRequest: Sendable {
    /// Where the responder is: an http URL out of the certificate.
    public let url: String
    /// The certificate and its issuer.
    private let chain: CertificateChain

    /// What bounds the exchange with a responder.
    enum Limits {
        /// Seconds for all of it.
        static let seconds: Int32 = 15
    }

    /// Reads a certificate with its chain.
    /// - Parameters:
    ///   - file: The name of the file, for messages.
    ///   - pem: The certificate, then its issuer.
    /// - Throws: Why nobody can be asked.
    public init(file: String, pem: [UInt8]) throws(TLSSetupError) {
        chain = try CertificateChain(pem, file: file)
        guard let certificate = chain.all.first, chain.all.count > 1 else {
            throw TLSSetupError("'\(file)' lacks the issuer, without which nobody can be asked")
        }
        guard let list = unsafe X509_get1_ocsp(certificate.pointer) else {
            throw TLSSetupError("the certificate in '\(file)' names no OCSP responder")
        }
        defer { unsafe X509_email_free(list) }
        // The text is a copy of OpenSSL's, which ends in NUL.
        guard let text = unsafe gateway_first_string(list) else {
            throw TLSSetupError("the certificate in '\(file)' names no OCSP responder")
        }
        url = unsafe String(cString: text)
        // Source: RFC 6960 §A.1: over http, as the response is signed.
        guard url.hasPrefix("http://") else {
            throw TLSSetupError("the responder '\(url)' of '\(file)' is not asked by http")
        }
    }

    /// Checks a response to it.
    /// - Throws: What is wrong with it, in words.
    public func check(_ der: [UInt8], now: Int64) throws(TLSSetupError) -> OCSPResponse {
        guard let certificate = chain.all.first, chain.all.count > 1 else {
            throw TLSSetupError("the chain lacks the issuer")
        }
        return try OCSPResponse(der, certificate: certificate, issuer: chain.all[1], now: now)
    }

    /// The request, DER.
    ///
    /// Source: RFC 6960 §4.1; SHA-1 names the certificate, as responders know no other (RFC 5019).
    func encoded() -> [UInt8]? {
        guard let certificate = chain.all.first, chain.all.count > 1,
            let request = unsafe OCSP_REQUEST_new()
        else { return nil }
        defer { unsafe OCSP_REQUEST_free(request) }
        guard let id = unsafe OCSP_cert_to_id(nil, certificate.pointer, chain.all[1].pointer)
        else { return nil }
        guard unsafe OCSP_request_add0_id(request, id) != nil else {
            unsafe OCSP_CERTID_free(id)
            return nil
        }
        let count = unsafe i2d_OCSP_REQUEST(request, nil)
        guard count > 0 else { return nil }
        return unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { space, written in
            // The first call said how many bytes this one writes.
            var position = space.baseAddress
            written = Int(max(0, unsafe i2d_OCSP_REQUEST(request, &position)))
        }
    }

    /// Asks the responder; waits for it, so not for an event loop.
    /// - Parameter now: Unix seconds.
    /// - Returns: A response that may be stapled.
    /// - Throws: Why there is no good response, in words.
    public func fetch(now: Int64) throws(TLSSetupError) -> OCSPResponse {
        guard let request = encoded() else { throw TLSSetupError("no request can be made") }
        guard let body = unsafe Certificates.memory(holding: request) else {
            throw TLSSetupError("no memory")
        }
        defer { unsafe BIO_free(body) }
        guard
            let answer = unsafe gateway_post(
                url,
                "application/ocsp-request",
                body,
                "application/ocsp-response",
                OCSPResponse.Limits.byteCount,
                Limits.seconds
            )
        else {
            let words = LibraryErrors.words(LibraryErrors.takeFirst())
            throw TLSSetupError("no answer from \(url): \(words)")
        }
        defer { unsafe BIO_free(answer) }
        return try check(unsafe Certificates.bytes(in: answer), now: now)
    }
}

/// Certificates of one file, the server's first; never changed.
@safe final class CertificateChain: Sendable {
    let all: [BorrowedCertificate]

    init(_ pem: [UInt8], file: String) throws(TLSSetupError) {
        guard Library.isReady else { throw TLSSetupError("OpenSSL cannot be used") }
        var all: [BorrowedCertificate] = []
        for each in try PEM.certificates(pem, file: file) {
            all.append(unsafe BorrowedCertificate(pointer: each.pointer))
        }
        self.all = all
    }

    deinit { for each in all { unsafe X509_free(each.pointer) } }
}

extension Certificates {
    /// A BIO in memory with a copy of bytes; the caller frees it.
    ///
    /// A copy, because OpenSSL reads it in later calls, and the memory of an array is lent for the
    /// one that it is handed to.
    static func memory(holding bytes: [UInt8]) -> OpaquePointer? {
        guard let memory = unsafe BIO_new(BIO_s_mem()) else { return nil }
        guard unsafe BIO_write(memory, bytes, Int32(clamping: bytes.count)) == bytes.count else {
            unsafe BIO_free(memory)
            return nil
        }
        return unsafe memory
    }

    /// What was written to a BIO in memory.
    static func bytes(in memory: OpaquePointer) -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: 4096)
        var bytes: [UInt8] = []
        while true {
            let count = unsafe BIO_read(memory, &piece, Int32(piece.count))
            guard count > 0 else { return bytes }
            bytes += piece[..<Int(count)]
        }
    }
}
