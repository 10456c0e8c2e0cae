/// Files that are read together, and taken over together when one of them changes.
public struct FilePart: Sendable, Hashable {
    /// What is in the files.
    public enum Kind: Sendable {
        /// A certificate with its chain, and its key.
        case certificate
        /// An OCSP response.
        case response
        /// Certificates of authorities that are believed.
        case authorities
        /// Keys of session tickets.
        case ticketKeys
    }

    /// What is in the files.
    public let kind: Kind
    /// The paths; the first one is what it is called by.
    public let files: [String]

    /// Names what is read together.
    public init(_ kind: Kind, _ files: [String]) {
        self.kind = kind
        self.files = files
    }
}

/// Reads the parts of a context, each by itself: for what cannot be used now, what was read before
/// goes on, so that one bad file does not keep the others back.
struct PartReader {
    /// Why parts cannot be used.
    private(set) var troubles: [FilePart: TLSSetupError] = [:]

    /// Makes something of a part.
    /// - Parameters:
    ///   - part: What is read.
    ///   - before: What was made of it before; nil at the start, when nothing can be done without.
    ///   - make: Reads it.
    /// - Returns: What was made of it, or what there was before.
    /// - Throws: What is wrong with it, if there is nothing from before.
    mutating func take<Value>(
        _ part: FilePart,
        before: Value?,
        _ make: () throws(TLSSetupError) -> Value
    ) throws(TLSSetupError) -> Value {
        do throws(TLSSetupError) {
            return try make()
        } catch {
            guard let before else { throw error }
            troubles[part] = error
            return before
        }
    }

    /// Notes that a part cannot be used.
    mutating func note(_ part: FilePart, _ error: TLSSetupError) { troubles[part] = error }
}

extension ServerSettings.Certificate {
    /// The certificate and its key.
    var pair: FilePart { FilePart(.certificate, [chain, key]) }

    /// The OCSP response; nil where none is stapled.
    var response: FilePart? { ocsp.map { FilePart(.response, [$0]) } }
}

extension ServerSettings {
    /// What is read for it.
    public var parts: [FilePart] {
        certificates.flatMap { [$0.pair] + ($0.response.map { [$0] } ?? []) }
            + (clientCertificates?.authorities ?? []).map { FilePart(.authorities, [$0]) }
    }
}

extension ClientSettings {
    /// What is read for it.
    public var parts: [FilePart] {
        (certificate.map { [$0.pair] } ?? [])
            + (isVerified ? authorities : []).map { FilePart(.authorities, [$0]) }
    }
}

/// A context that is made anew when its files change.
public protocol RenewableContext: Sendable {
    /// What it was made from.
    var fileParts: [FilePart] { get }
    /// Why parts cannot be used; for these goes on what was there before.
    var troubles: [FilePart: TLSSetupError] { get }
    /// Reads the files again.
    /// - Throws: Why no context can be made of them.
    func renewed(read: FileReader) throws(TLSSetupError) -> Self
}

extension ServerContext: RenewableContext {
    /// What it was made from.
    public var fileParts: [FilePart] { settings.parts }
    /// Reads the files again.
    /// - Throws: Why no context can be made of them.
    public func renewed(read: FileReader) throws(TLSSetupError) -> ServerContext {
        try ServerContext(settings, previous: self, read: read)
    }
}

extension ClientContext: RenewableContext {
    /// What it was made from.
    public var fileParts: [FilePart] { settings.parts }
    /// Reads the files again.
    /// - Throws: Why no context can be made of them.
    public func renewed(read: FileReader) throws(TLSSetupError) -> ClientContext {
        try ClientContext(settings, previous: self, read: read)
    }
}
