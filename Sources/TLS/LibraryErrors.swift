import COpenSSL

/// The errors that OpenSSL left on this thread's queue.
enum LibraryErrors {
    /// Takes the first error, which is the cause, and drops the others.
    /// - Returns: Its code, or 0 when there is none.
    static func takeFirst() -> UInt {
        let first = ERR_peek_error()
        if first != 0 { ERR_clear_error() }
        return first
    }

    /// Words for an error code, for example `certificate verify failed`.
    static func words(_ code: UInt) -> String {
        guard code != 0, let text = unsafe ERR_reason_error_string(code) else { return "unknown" }
        return unsafe String(cString: text)
    }

    /// Sorts an error of a session into the reasons that are told apart.
    static func failure(_ code: UInt) -> TLSFailure {
        guard gateway_error_library(code) == ERR_LIB_SSL else { return .protocolError }
        let reason = gateway_error_reason(code)
        switch reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: return .plainHTTP
        case SSL_R_WRONG_VERSION_NUMBER: return .notTLS
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_UNKNOWN_PROTOCOL, SSL_R_VERSION_TOO_LOW,
            SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_INAPPROPRIATE_FALLBACK:
            return .unsupportedVersion
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SHARED_GROUPS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS,
            SSL_R_NO_SUITABLE_GROUPS:
            return .noSharedCipher
        case SSL_R_NO_APPLICATION_PROTOCOL: return .noApplicationProtocol
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return .noClientCertificate
        case SSL_R_CERTIFICATE_VERIFY_FAILED: return .invalidCertificate
        default: break
        }
        // Alerts of the peer are numbered from 1000 on. Source: openssl/sslerr.h.
        return reason >= SSL_AD_REASON_OFFSET ? .refusedByPeer : .protocolError
    }
}
