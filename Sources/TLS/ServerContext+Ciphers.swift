import COpenSSL

/// The cipher suites of TLS 1.2, and the kinds of keys that they need.
extension ServerContext {
    /// Takes the suites that the settings name.
    /// - Throws: Why they cannot be taken.
    func setCiphers() throws(TLSSetupError) {
        let ciphers = settings.ciphers ?? ServerSettings.intermediateCiphers
        guard unsafe SSL_CTX_set_cipher_list(pointer, ciphers) == 1 else {
            _ = LibraryErrors.takeFirst()
            throw TLSSetupError("OpenSSL knows no cipher suite of '\(ciphers)'", part: .ciphers)
        }
        // A list can set the level too ('@SECLEVEL=0'), and that is not for it to say.
        unsafe SSL_CTX_set_security_level(pointer, Library.securityLevel)
        if let bare = suites.first(where: { $0.authentication == NID_auth_null }) {
            throw TLSSetupError(
                "'\(bare.name)' is without authentication: write ':!aNULL' behind the list",
                part: .ciphers
            )
        }
        if let bare = suites.first(where: { $0.cipher == NID_undef }) {
            throw TLSSetupError(
                "'\(bare.name)' is without encryption: write ':!eNULL' behind the list",
                part: .ciphers
            )
        }
    }

    /// Reports two certificates of one kind: OpenSSL has one place for each kind.
    static func checkKinds(_ pairs: [KeyPair], _ files: [ServerSettings.Certificate])
        throws(TLSSetupError)
    {
        var first: [Int32: Int] = [:]
        for (index, pair) in pairs.enumerated() {
            guard let other = first.updateValue(index, forKey: pair.kind) else { continue }
            throw TLSSetupError(
                "'\(files[other].chain)' and '\(files[index].chain)' are both \(pair.kindName): "
                    + "only the last would be shown; give each name a site of its own",
                part: .certificate(index)
            )
        }
    }

    /// What is wrong with the suites that the settings name, though they can be used, as sentences.
    /// - Parameter hasAllCertificates: Whether those of the context are all that the site has.
    /// - Returns: None where all is well.
    public func cipherFindings(hasAllCertificates: Bool) -> [String] {
        guard let list = settings.ciphers, settings.minimumVersion == .tls12 else { return [] }
        var findings = ServerContext.unknownNames(in: list)
            .map { "'\($0)' stands for no cipher suite of TLS 1.2 that OpenSSL knows" }
        let suites = suites
        let lasting = suites.filter { $0.exchange == NID_kx_rsa }
        if let first = lasting.first {
            let more = lasting.count > 1 ? " and \(lasting.count - 1) more have" : " has"
            findings.append(
                "'\(first.name)'\(more) no forward secrecy: who gets hold of the key can read "
                    + "what was recorded before"
            )
        }
        if hasAllCertificates, !suites.contains(where: isUsable) {
            let kinds = pairs.map(\.kindName).joined(separator: " and ")
            findings.append(
                "no cipher suite fits a certificate with a key of kind \(kinds): clients of TLS "
                    + "1.2 are refused"
            )
        }
        return findings
    }

    /// Whether there is a key for a suite; there are no parameters for DHE.
    private func isUsable(_ suite: Suite) -> Bool {
        guard suite.exchange == NID_kx_ecdhe || suite.exchange == NID_kx_rsa else { return false }
        return pairs.contains { pair in
            let isRSA = [EVP_PKEY_RSA, EVP_PKEY_RSA_PSS].contains(pair.kind)
            return suite.authentication == (isRSA ? NID_auth_rsa : NID_auth_ecdsa)
        }
    }

    /// The words of a list that add nothing to it: OpenSSL takes no notice of them.
    private static func unknownNames(in list: String) -> [String] {
        guard let scratch = unsafe SSL_CTX_new(TLS_server_method()) else { return [] }
        defer { unsafe SSL_CTX_free(scratch) }
        return list.split { ":, ;".contains($0) }.map(String.init).filter { name in
            // What takes away, sorts or sets something may well find nothing to do.
            guard let first = name.first, !"!-+@".contains(first) else { return false }
            let isKnown = unsafe SSL_CTX_set_cipher_list(scratch, name) == 1
            if !isKnown { _ = LibraryErrors.takeFirst() }
            return !isKnown
        }
    }

    /// A cipher suite, in OpenSSL's terms.
    private struct Suite {
        let name: String
        let exchange: Int32
        let authentication: Int32
        let cipher: Int32
    }

    /// Those of TLS 1.2.
    private var suites: [Suite] {
        (0..<(unsafe gateway_ctx_cipher_count(pointer))).compactMap { index in
            guard let suite = unsafe gateway_ctx_cipher_at(pointer, index),
                // Those of TLS 1.3 have numbers from 0x1301 on. Source: RFC 8446 §B.4.
                unsafe SSL_CIPHER_get_protocol_id(suite) >> 8 != 0x13,
                let name = unsafe SSL_CIPHER_get_name(suite)
            else { return nil }
            return Suite(
                name: unsafe String(cString: name),
                exchange: unsafe SSL_CIPHER_get_kx_nid(suite),
                authentication: unsafe SSL_CIPHER_get_auth_nid(suite),
                cipher: unsafe SSL_CIPHER_get_cipher_nid(suite)
            )
        }
    }
}

extension KeyPair {
    /// The kind of its key, in OpenSSL's terms.
    var kind: Int32 { unsafe EVP_PKEY_get_base_id(key) }

    /// The kind of its key, in words.
    var kindName: String {
        switch kind {
        case EVP_PKEY_RSA: "RSA"
        case EVP_PKEY_RSA_PSS: "RSA-PSS"
        case EVP_PKEY_EC: "ECDSA"
        case EVP_PKEY_ED25519: "Ed25519"
        case EVP_PKEY_ED448: "Ed448"
        default: "of one kind"
        }
    }

    /// The curve of an ECDSA key, by OpenSSL's name; nil for other keys.
    var curve: String? {
        guard kind == EVP_PKEY_EC else { return nil }
        var name = [CChar](repeating: 0, count: 80)
        var count = 0
        // OpenSSL writes at most as many bytes as the array has.
        let result = unsafe EVP_PKEY_get_group_name(key, &name, name.count, &count)
        guard result == 1 else { return nil }
        return String(decoding: name.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
