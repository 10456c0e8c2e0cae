/// Keeps OCSP responses in files, from where they are stapled: asks for the first, and for newer
/// ones long before they end.
///
/// Confined to whoever calls `round`: one caller at a time, and none of them an event loop, because
/// a responder may take its time.
public struct OCSPKeeper {
    /// A certificate whose responses are wanted.
    public struct Wanted: Sendable, Hashable {
        /// The path of the certificate and its issuer, PEM.
        public let chain: String
        /// The path for the response.
        public let response: String

        /// Asks for the responses of a certificate.
        public init(chain: String, response: String) {
            self.chain = chain
            self.response = response
        }
    }

    /// What happened.
    public enum Event: Sendable, Equatable {
        /// A response was fetched; it counts until then, in Unix seconds.
        case fetched(chain: String, until: Int64)
        /// There is no new response; the reason in words.
        case failed(chain: String, reason: String)
    }

    /// What bounds the asking.
    enum Limits {
        /// Seconds to the next attempt after a failure, doubled with each further one.
        static let firstRetry: Int64 = 60
        static let lastRetry: Int64 = 3600
        /// Seconds between two requests about one certificate at least.
        static let leastInterval: Int64 = 300
    }

    private struct Entry {
        let wanted: Wanted
        /// What was in the chain's file.
        var pem: [UInt8]?
        var request: OCSPRequest?
        var due: Int64 = 0
        var failures = 0
        /// When what is stapled ends; nil while nothing is.
        var end: Int64?
    }

    private var entries: [Entry]
    private let fetch: (OCSPRequest, Int64) throws(TLSSetupError) -> OCSPResponse

    /// Keeps the responses of some certificates.
    /// - Parameters:
    ///   - wanted: The certificates.
    ///   - fetch: Asks a responder; for tests.
    public init(
        _ wanted: [Wanted],
        fetch: @escaping (OCSPRequest, Int64) throws(TLSSetupError) -> OCSPResponse = {
            request,
            now throws(TLSSetupError) in try request.fetch(now: now)
        }
    ) {
        entries = wanted.map { Entry(wanted: $0) }
        self.fetch = fetch
    }

    /// Puts the files in their places before anybody reads them: one is empty where there is no
    /// response that counts.
    /// - Parameter now: Unix seconds.
    /// - Throws: What the system says of the folder.
    public mutating func prepare(now: Int64) throws(TLSSetupError) {
        for index in entries.indices {
            let path = entries[index].wanted.response
            try PrivateFile.makeFolder(of: path)
            refreshChain(index, now: now)
            guard entries[index].end == nil else { continue }
            if let content = try? Files.read(path), content.isEmpty { continue }
            try PrivateFile.write([], to: path, mode: 0o600)
        }
    }

    /// Asks for what is due.
    /// - Parameter now: Unix seconds.
    /// - Returns: What happened.
    public mutating func round(now: Int64) -> [Event] {
        var events: [Event] = []
        for index in entries.indices {
            refreshChain(index, now: now)
            let path = entries[index].wanted.response
            // What has ended is not left for the next start.
            if let end = entries[index].end, now >= end {
                entries[index].end = nil
                try? PrivateFile.write([], to: path, mode: 0o600)
            }
            guard now >= entries[index].due else { continue }
            events.append(ask(index, now: now))
        }
        return events
    }

    private mutating func ask(_ index: Int, now: Int64) -> Event {
        let wanted = entries[index].wanted
        do throws(TLSSetupError) {
            guard let pem = entries[index].pem else {
                throw TLSSetupError("'\(wanted.chain)' cannot be read")
            }
            let request: OCSPRequest
            if let known = entries[index].request {
                request = known
            } else {
                request = try OCSPRequest(file: wanted.chain, pem: pem)
            }
            entries[index].request = request
            let response = try fetch(request, now)
            try PrivateFile.write(response.der, to: wanted.response, mode: 0o600)
            entries[index].failures = 0
            entries[index].end = response.nextUpdate
            entries[index].due = max(response.refresh, now + Limits.leastInterval)
            return .fetched(chain: wanted.chain, until: response.nextUpdate)
        } catch {
            let doublings = min(entries[index].failures, 6)
            entries[index].failures += 1
            entries[index].due = now + min(Limits.firstRetry << doublings, Limits.lastRetry)
            return .failed(chain: wanted.chain, reason: error.description)
        }
    }

    /// Looks whether the certificate is another one by now, and whether the response on disk fits.
    private mutating func refreshChain(_ index: Int, now: Int64) {
        let wanted = entries[index].wanted
        let pem = try? Files.read(wanted.chain)
        guard pem != entries[index].pem else { return }
        entries[index] = Entry(wanted: wanted, pem: pem, due: now)
        guard let pem, let request = try? OCSPRequest(file: wanted.chain, pem: pem) else { return }
        entries[index].request = request
        guard let kept = try? Files.read(wanted.response),
            let response = try? request.check(kept, now: now)
        else {
            // The response of the certificate before would be stapled to this one.
            _ = try? PrivateFile.write([], to: wanted.response, mode: 0o600)
            return
        }
        entries[index].end = response.nextUpdate
        entries[index].due = max(response.refresh, now)
    }
}
