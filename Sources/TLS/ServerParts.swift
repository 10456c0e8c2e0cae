import COpenSSL

/// What a server's context is made from, read from its files.
struct ServerParts: Sendable {
    /// In the order of the settings.
    private(set) var pairs: [KeyPair] = []
    /// The OCSP response to staple with each pair; nil for none.
    private(set) var staples: [OCSPResponse?] = []
    /// Whose clients' certificates are believed.
    private(set) var authorities: [AuthorityFile] = []
    /// Why parts cannot be used; for these goes on what was there before.
    private(set) var troubles: [FilePart: TLSSetupError]

    /// Reads the files.
    /// - Parameters:
    ///   - settings: Names the files.
    ///   - before: What was read for the same settings; nil at the start.
    ///   - read: Reads a file.
    /// - Throws: What is wrong with a file, if there is nothing from before.
    init(_ settings: ServerSettings, before: ServerParts?, read: FileReader) throws(TLSSetupError) {
        var reader = PartReader()
        for (index, files) in settings.certificates.enumerated() {
            let pair = try reader.take(files.pair, before: before?.pairs[index]) {
                () throws(TLSSetupError) in try KeyPair(files, read: read)
            }
            pairs.append(pair)
            staples.append(
                ServerParts.staple(files, pair, &reader, before?.staples[index], read: read)
            )
        }
        let paths = settings.clientCertificates?.authorities ?? []
        for (index, path) in paths.enumerated() {
            let part = FilePart(.authorities, [path])
            authorities.append(
                try reader.take(part, before: before?.authorities[index]) {
                    () throws(TLSSetupError) in try AuthorityFile(path, read: read)
                }
            )
        }
        troubles = reader.troubles
    }

    /// What is stapled with a pair.
    ///
    /// No response stops the gateway: one that clients would take for a fault is worse than none.
    private static func staple(
        _ files: ServerSettings.Certificate,
        _ pair: KeyPair,
        _ reader: inout PartReader,
        _ before: OCSPResponse?,
        read: FileReader
    ) -> OCSPResponse? {
        guard let part = files.response, let path = files.ocsp else { return nil }
        let now = Int64(time(nil))
        do throws(TLSSetupError) {
            let der = try read(path)
            // So it is until the first one has been fetched.
            return der.isEmpty ? nil : try pair.staple(der, now: now)
        } catch {
            reader.note(part, error)
            // What was stapled goes on, unless we know better or it is not about this pair.
            guard error.cause != .revoked, let before else { return nil }
            return try? pair.staple(before.der, now: now)
        }
    }

    /// Gives the pairs to a context.
    /// - Throws: Why a pair cannot be used, if there is none from before.
    mutating func install(
        in context: OpaquePointer,
        _ settings: ServerSettings,
        before: ServerParts?
    ) throws(TLSSetupError) {
        for (index, files) in settings.certificates.enumerated() {
            if unsafe pairs[index].install(in: context) { continue }
            let reason = LibraryErrors.words(LibraryErrors.takeFirst())
            let error = TLSSetupError(
                "the certificate in '\(files.chain)' cannot be used: \(reason)",
                part: .certificate(index)
            )
            guard let old = before?.pairs[index], unsafe old.install(in: context) else {
                throw error
            }
            troubles[files.pair] = error
            pairs[index] = old
            staples[index] = before?.staples[index]
        }
    }
}

extension KeyPair {
    /// Reads the files of a certificate.
    /// - Throws: What is wrong with them, in words.
    convenience init(_ files: ServerSettings.Certificate, read: FileReader)
        throws(TLSSetupError)
    {
        try self.init(
            chain: files.chain,
            chainPEM: try read(files.chain),
            key: files.key,
            keyPEM: try read(files.key)
        )
    }
}
