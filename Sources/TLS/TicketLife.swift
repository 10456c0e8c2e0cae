import COpenSSL

/// What OpenSSL calls before a ticket is encrypted: notes in it when the first certificate of the
/// verified chain ends.
///
/// A session that a client's certificate has opened ends with the certificate. Tickets renew
/// themselves with each resumption, so without this it would never be looked at again.
///
/// Returns 0 only when memory has run out.
let ticketMakingCallback: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> CInt = {
    ssl,
    _ in
    // A session that was taken up has no chain any more, but what was noted with its first ticket.
    guard let ssl = unsafe ssl, let chain = unsafe SSL_get0_verified_chain(ssl),
        let session = unsafe SSL_get_session(ssl)
    else { return 1 }
    var end = Int64.max
    for index in 0..<(unsafe gateway_certificate_count(chain)) {
        guard let certificate = unsafe gateway_certificate_at(chain, index) else { continue }
        let last = unsafe Certificates.unixSeconds(X509_get0_notAfter(certificate)) ?? 0
        end = min(end, last)
    }
    // Copied before the call returns.
    return unsafe withUnsafeBytes(of: end.littleEndian) { bytes in
        unsafe SSL_SESSION_set1_ticket_appdata(session, bytes.baseAddress, bytes.count)
    }
}

/// What OpenSSL calls when it has tried to decrypt a ticket: says whether the session is taken up.
let ticketReadingCallback:
    @convention(c) (
        OpaquePointer?, OpaquePointer?, UnsafePointer<UInt8>?, Int, CInt, UnsafeMutableRawPointer?
    ) -> CInt = { ssl, session, _, _, status, _ in
        guard status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW,
            let ssl = unsafe ssl, let session = unsafe session,
            let now = unsafe TLSSession.of(ssl)?.unixSeconds
        else { return SSL_TICKET_RETURN_IGNORE_RENEW }
        if let end = unsafe certificateEnd(of: session), now >= end {
            return SSL_TICKET_RETURN_IGNORE_RENEW
        }
        return status == SSL_TICKET_SUCCESS
            ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW
    }

/// When the client's certificate of a session ends, or one that leads to its authority, in Unix
/// seconds; nil where there is none.
private func certificateEnd(of session: OpaquePointer) -> Int64? {
    guard let peer = unsafe SSL_SESSION_get0_peer(session) else { return nil }
    let own = unsafe Certificates.unixSeconds(X509_get0_notAfter(peer)) ?? 0
    var bytes: UnsafeMutableRawPointer?
    var count = 0
    guard unsafe SSL_SESSION_get0_ticket_appdata(session, &bytes, &count) == 1,
        let bytes = unsafe bytes, count == MemoryLayout<Int64>.size
    else { return own }
    // OpenSSL lends so many bytes as long as the session lives.
    return min(own, Int64(littleEndian: unsafe bytes.loadUnaligned(as: Int64.self)))
}
