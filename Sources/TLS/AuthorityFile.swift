import COpenSSL

/// The authorities of one file.
///
/// OpenSSL counts references to the certificates and never changes them, so any thread may use
/// them.
@safe public final class AuthorityFile: @unchecked Sendable {
    /// In the file's order; one reference each.
    private let certificates: [SharedPointer]
    /// SHA-256 of the certificates, whatever stands between them in the file.
    let digest: [UInt8]

    /// Reads a file.
    /// - Throws: What is wrong with it, in words.
    init(_ path: String, read: FileReader) throws(TLSSetupError) {
        certificates = try PEM.certificates(try read(path), file: path)
        digest = Certificates.sha256(
            certificates.flatMap { unsafe Certificates.der($0.pointer) ?? [] }
        )
        if certificates.isEmpty {
            throw TLSSetupError("'\(path)' holds no certificate in PEM form")
        }
    }

    /// Looks whether a file can be taken.
    /// - Parameters:
    ///   - path: PEM.
    ///   - read: Reads a file.
    /// - Throws: What is wrong with it, in words.
    public static func check(_ path: String, read: FileReader) throws(TLSSetupError) {
        _ = try AuthorityFile(path, read: read)
    }

    deinit { for each in certificates { unsafe X509_free(each.pointer) } }

    /// Lets a context believe them.
    /// - Parameters:
    ///   - context: SSL_CTX*.
    ///   - areNamed: Whether peers are told that certificates of theirs are wanted.
    func install(in context: OpaquePointer, areNamed: Bool) {
        let store = unsafe SSL_CTX_get_cert_store(context)
        // Who is named is believed, be it a root or an intermediate.
        _ = unsafe X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
        for each in certificates {
            // It takes a reference of its own.
            _ = unsafe X509_STORE_add_cert(store, each.pointer)
            if areNamed { _ = unsafe SSL_CTX_add_client_CA(context, each.pointer) }
        }
    }
}
