import Glibc

/// The local authority and its certificates in their folder: made when they are missing, and made
/// anew before they end.
public struct LocalCertificates: Sendable {
    /// A certificate that is wanted.
    public struct Wanted: Sendable, Hashable {
        /// Host names, `*.` names and IP addresses.
        public let names: [String]
        /// The path of its file.
        public let chain: String
        /// The path of its key's file.
        public let key: String

        /// Asks for a certificate; its files stand in the folder of the authority.
        public init(names: [String], chain: String, key: String) {
            self.names = names
            self.chain = chain
            self.key = key
        }
    }

    /// What has been done.
    public struct Outcome: Sendable {
        /// Whether there is a new authority, which nobody trusts yet.
        public var hasNewAuthority = false
        /// The files of certificates that were made.
        public var made: [String] = []
    }

    /// The folder: only its owner may look into it.
    public let directory: String
    /// The authority's certificate, which clients are to trust.
    public var authorityPath: String { directory + "/ca.pem" }
    private var authorityKeyPath: String { directory + "/ca.key" }

    /// Names a folder; it need not be there.
    public init(directory: String) { self.directory = directory }

    /// Makes what is missing, is about to end, or has other names than are wanted.
    ///
    /// Two processes may do so at the same time: the second waits, and finds everything there.
    /// - Parameters:
    ///   - wanted: Certificates with their files.
    ///   - machine: The name of this machine, part of the authority's name.
    ///   - now: Unix seconds.
    /// - Returns: What was made.
    /// - Throws: What the system or OpenSSL says.
    public func ensure(_ wanted: [Wanted], machine: String, now: Int64)
        throws(TLSSetupError) -> Outcome
    {
        var outcome = Outcome()
        try PrivateFile.makeFolder(of: authorityPath)
        let lock = try PrivateFile.lock(directory + "/lock")
        defer { close(lock) }
        let authority: IssuedCertificate
        if let kept = keptAuthority(now: now) {
            authority = kept
        } else {
            authority = try LocalAuthority.make(name: "gateway local CA (\(machine))", now: now)
            // The certificate first: a key without it would be taken for a whole authority.
            try PrivateFile.write(authority.certificate, to: authorityPath, mode: 0o644)
            try PrivateFile.write(authority.key, to: authorityKeyPath, mode: 0o600)
            outcome.hasNewAuthority = true
        }
        for each in wanted where outcome.hasNewAuthority || needsNew(each, authority, now: now) {
            let issued = try LocalAuthority.issue(for: each.names, by: authority, now: now)
            try PrivateFile.write(issued.key, to: each.key, mode: 0o600)
            try PrivateFile.write(issued.certificate, to: each.chain, mode: 0o644)
            outcome.made.append(each.chain)
        }
        return outcome
    }

    /// The authority in the folder; nil when it is not whole, or not for long.
    private func keptAuthority(now: Int64) -> IssuedCertificate? {
        guard let certificate = try? Files.read(authorityPath),
            let key = try? Files.read(authorityKeyPath),
            let pair = try? KeyPair(
                chain: authorityPath,
                chainPEM: certificate,
                key: authorityKeyPath,
                keyPEM: key
            ),
            pair.notAfter - now > LocalAuthority.Limits.authorityRenewal
        else { return nil }
        return IssuedCertificate(certificate: certificate, key: key)
    }

    private func needsNew(_ wanted: Wanted, _ authority: IssuedCertificate, now: Int64) -> Bool {
        guard let certificate = try? Files.read(wanted.chain),
            let key = try? Files.read(wanted.key),
            let pair = try? KeyPair(
                chain: wanted.chain,
                chainPEM: certificate,
                key: wanted.key,
                keyPEM: key
            ),
            pair.notAfter - now > LocalAuthority.Limits.renewal
        else { return true }
        let reading = CertificateReading(pair)
        return !reading.isIssued(by: authority.certificate)
            || !wanted.names.allSatisfy { reading.covers($0) }
            || reading.nameCount != wanted.names.count
    }
}

/// Files that nobody else may read.
enum PrivateFile {
    /// Puts a file in its place at once: nobody ever sees a part of it.
    static func write(_ content: [UInt8], to path: String, mode: mode_t) throws(TLSSetupError) {
        let draft = path + ".new"
        _ = unsafe unlink(draft)
        let descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure(draft) }
        var isWhole = fchmod(descriptor, mode) == 0
        var rest = content[...]
        while isWhole, !rest.isEmpty {
            // The kernel reads at most as many bytes as the slice has.
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            }
            if count < 0, errno == EINTR { continue }
            isWhole = count > 0
            if isWhole { rest = rest.dropFirst(count) }
        }
        // Without it a crash could leave an empty file in the place of a good one.
        isWhole = isWhole && fsync(descriptor) == 0
        close(descriptor)
        guard isWhole, unsafe rename(draft, path) == 0 else { throw failure(path) }
    }

    /// Makes the folder of a file, for its owner only, and ordinary ones above it.
    static func makeFolder(of file: String) throws(TLSSetupError) {
        guard let slash = file.lastIndex(of: "/"), slash != file.startIndex else { return }
        let folder = String(file[..<slash])
        var path = ""
        let parts = folder.split(separator: "/", omittingEmptySubsequences: false)
        for part in parts.dropLast() {
            path += part + "/"
            if !part.isEmpty { _ = unsafe mkdir(path, 0o755) }
        }
        guard unsafe mkdir(folder, 0o700) == 0 || errno == EEXIST else {
            throw PrivateFile.failure(folder)
        }
    }

    /// Waits until nobody else holds a lock file, and holds it until it is closed.
    static func lock(_ path: String) throws(TLSSetupError) -> Int32 {
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                close(descriptor)
                throw failure(path)
            }
        }
        return descriptor
    }

    static func failure(_ path: String) -> TLSSetupError {
        // Safe across threads since glibc 2.32, which keeps the text per thread; copied at once.
        guard let words = unsafe strerror(errno) else { return TLSSetupError("'\(path)'") }
        return TLSSetupError("'\(path)': \(unsafe String(cString: words))")
    }
}
