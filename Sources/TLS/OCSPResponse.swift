import COpenSSL

/// A response of an OCSP responder that was found to be good for a certificate.
///
/// Source: RFC 6960 §4.2.
public struct OCSPResponse: Sendable {
    /// What is stapled, DER.
    public let der: [UInt8]
    /// When the responder knew it, in Unix seconds.
    public let thisUpdate: Int64
    /// From when on it must not be used any more, in Unix seconds.
    public let nextUpdate: Int64

    /// What bounds responses.
    enum Limits {
        /// Bytes of a response; with the responder's certificate it has some 2,000.
        static let byteCount = 64 << 10
        /// Seconds that the responder's clock may be ahead.
        static let clockSkew: Int64 = 300
        /// Seconds that a response counts which does not say how long: newer ones are to be had at
        /// any time then (RFC 6960 §4.2.2.1).
        static let lifetime: Int64 = 3600
    }

    /// Whether it may be sent to clients.
    ///
    /// `now`: Unix seconds.
    public func isCurrent(now: Int64) -> Bool {
        now < nextUpdate && thisUpdate <= now + Limits.clockSkew
    }

    /// When a newer one should be asked for: halfway, so that days remain to try again.
    public var refresh: Int64 { thisUpdate + max(0, nextUpdate - thisUpdate) / 2 }

    /// What somebody else has checked.
    init(checked der: [UInt8], thisUpdate: Int64, nextUpdate: Int64) {
        self.der = der
        self.thisUpdate = thisUpdate
        self.nextUpdate = nextUpdate
    }

    /// Checks a response: well-formed, signed by the issuer or whom it has authorised, about this
    /// certificate, which is good, and current.
    /// - Parameters:
    ///   - der: As it came.
    ///   - certificate: What it must be about.
    ///   - issuer: Who issued that one.
    ///   - now: Unix seconds.
    /// - Throws: What is wrong with it, in words.
    init(
        _ der: [UInt8],
        certificate: BorrowedCertificate,
        issuer: BorrowedCertificate,
        now: Int64
    ) throws(TLSSetupError) {
        let basic = try unsafe OCSPResponse.parse(der)
        defer { unsafe OCSP_BASICRESP_free(basic) }
        try unsafe OCSPResponse.verify(basic, issuer)
        guard let id = unsafe OCSP_cert_to_id(nil, certificate.pointer, issuer.pointer) else {
            throw TLSSetupError("OpenSSL cannot name the certificate")
        }
        defer { unsafe OCSP_CERTID_free(id) }
        var status: Int32 = -1
        var reason: Int32 = 0
        var revoked: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        var this: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        var next: UnsafeMutablePointer<ASN1_GENERALIZEDTIME>?
        guard
            unsafe OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &this, &next) == 1
        else {
            throw TLSSetupError("the response is about another certificate", .anotherCertificate)
        }
        if status == V_OCSP_CERTSTATUS_REVOKED {
            throw TLSSetupError("the certificate is revoked", .revoked)
        }
        guard status == V_OCSP_CERTSTATUS_GOOD else {
            throw TLSSetupError("the responder does not know the certificate")
        }
        guard let thisUpdate = unsafe Certificates.unixSeconds(this) else {
            throw TLSSetupError("the response has no date")
        }
        self.der = der
        self.thisUpdate = thisUpdate
        let last = unsafe next == nil ? nil : Certificates.unixSeconds(next)
        nextUpdate = last ?? thisUpdate + Limits.lifetime
        guard isCurrent(now: now) else {
            throw TLSSetupError(
                now >= nextUpdate
                    ? "the response is out of date" : "the response is from the future"
            )
        }
    }

    /// The part that is signed; the caller frees it.
    private static func parse(_ der: [UInt8]) throws(TLSSetupError) -> OpaquePointer {
        guard !der.isEmpty, der.count <= Limits.byteCount else {
            throw TLSSetupError("the response is empty or too long")
        }
        let count = der.count
        let response = unsafe der.withUnsafeBufferPointer { bytes in
            // OpenSSL reads at most so many bytes, and moves only its own copy of the pointer.
            var position = bytes.baseAddress
            return unsafe d2i_OCSP_RESPONSE(nil, &position, count)
        }
        guard let response = unsafe response else {
            _ = LibraryErrors.takeFirst()
            throw TLSSetupError("what came is no OCSP response")
        }
        defer { unsafe OCSP_RESPONSE_free(response) }
        let status = unsafe OCSP_response_status(response)
        guard status == OCSP_RESPONSE_STATUS_SUCCESSFUL else {
            let words = unsafe OCSP_response_status_str(Int(status)).map {
                unsafe String(cString: $0)
            }
            throw TLSSetupError("the responder refuses: \(words ?? "status \(status)")")
        }
        guard let basic = unsafe OCSP_response_get1_basic(response) else {
            _ = LibraryErrors.takeFirst()
            throw TLSSetupError("the response is of an unknown kind")
        }
        return unsafe basic
    }

    /// Checks the signature: the issuer is all that is trusted.
    ///
    /// Source: RFC 6960 §4.2.2.2.
    private static func verify(_ basic: OpaquePointer, _ issuer: BorrowedCertificate)
        throws(TLSSetupError)
    {
        guard let store = unsafe X509_STORE_new() else { throw TLSSetupError("no memory") }
        defer { unsafe X509_STORE_free(store) }
        // An intermediate authority is trusted here without its root.
        _ = unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        _ = unsafe X509_STORE_add_cert(store, issuer.pointer)
        let result = unsafe gateway_verify_ocsp(basic, issuer.pointer, store)
        guard result == 1 else {
            let words = LibraryErrors.words(LibraryErrors.takeFirst())
            throw TLSSetupError("the response is not signed by the issuer: \(words)")
        }
    }
}

extension KeyPair {
    /// Checks a response to be stapled to this certificate.
    /// - Parameters:
    ///   - der: As it stands in its file.
    ///   - now: Unix seconds.
    /// - Returns: What may be stapled.
    /// - Throws: What is wrong with it, in words.
    func staple(_ der: [UInt8], now: Int64) throws(TLSSetupError) -> OCSPResponse {
        guard let issuer = chain.first else {
            throw TLSSetupError("the certificate's file lacks the issuer, who signs responses")
        }
        return try unsafe OCSPResponse(
            der,
            certificate: BorrowedCertificate(pointer: certificate),
            issuer: BorrowedCertificate(pointer: issuer.pointer),
            now: now
        )
    }
}
