import Addressing
import EventLoop
import Logging
import TLS

/// What the proxy says to the operator.
enum ProxyLog {
    /// The log of purges in Redis has lost what this gateway had not heard yet.
    static func lostSharedPurges() {
        logger.warning(
            "purges of other gateways may have been missed: what is stored in memory is dropped"
        )
    }

    /// Redis could not be reached for as long as the end waits.
    static func purgesAreUntold(_ count: Int) {
        logger.error(
            "purges that other gateways have not been told of are lost: purge there as well",
            metadata: ["purges": "\(count)"]
        )
    }

    private static let logger = Logger(label: "gateway.proxy")

    /// The mistake that everybody makes.
    static func warnOfUntrustedProxy(_ peer: IPAddress) {
        logger.warning(
            """
            most requests come from one private peer that sends X-Forwarded-For and is not \
            trusted: add it to trusted_proxies, or every client has its address
            """,
            metadata: ["peer": "\(peer)"]
        )
    }

    /// A worker could not take its listener.
    static func cannotListen(_ address: SocketAddress, _ error: SystemError) {
        logger.error("cannot listen", metadata: ["address": "\(address)", "reason": "\(error)"])
    }

    /// A content was too large for memory, and the directory for such did not take it.
    static func cannotSpill(_ directory: String, more: Int) {
        logger.error(
            "cannot write a request's content to a file: the client gets 507",
            metadata: ["directory": "\(directory)", "suppressed": "\(more)"]
        )
    }

    /// The disk of stored responses does not do what it should.
    static func diskFailed(_ directory: String, _ what: String, _ error: SystemError) {
        logger.error(
            "\(what): the disk tier is left alone for a while, and the application asked instead",
            metadata: ["directory": "\(directory)", "reason": "\(error)"]
        )
    }

    /// The disk of stored responses is slower than what comes.
    static func diskSlow(_ directory: String) {
        logger.warning(
            "the disk tier does not keep up: a large response that arrives is not stored",
            metadata: ["directory": "\(directory)"]
        )
    }

    /// The files of an earlier process have been found.
    static func diskIsKnown(_ directory: String, objects: Int, bytes: Int, milliseconds: Int64) {
        logger.notice(
            "stored responses found on the disk",
            metadata: [
                "directory": "\(directory)", "objects": "\(objects)", "bytes": "\(bytes)",
                "milliseconds": "\(milliseconds)",
            ]
        )
    }

    /// The system has no watch, descriptor or thread more.
    static func cannotWatch() {
        logger.error("certificates are not watched: only a reload takes over changed ones")
    }

    /// Files of TLS have changed, and are in use.
    static func taken(_ part: FilePart) {
        switch part.kind {
        case .certificate:
            logger.notice("certificate taken over", metadata: ["certificate": "\(part.files[0])"])
        case .response:
            logger.notice("OCSP response taken over", metadata: ["file": "\(part.files[0])"])
        case .authorities:
            logger.notice(
                "certificate authorities taken over",
                metadata: ["file": "\(part.files[0])"]
            )
        case .ticketKeys:
            logger.notice("ticket keys taken over", metadata: ["file": "\(part.files[0])"])
        }
    }

    /// Files of TLS have changed, and cannot be used.
    static func cannotTake(_ part: FilePart, _ error: TLSSetupError) {
        let path = part.files[0]
        switch part.kind {
        case .certificate:
            logger.error(
                "a changed certificate cannot be used: the one before stays",
                metadata: ["certificate": "\(path)", "reason": "\(error)"]
            )
        case .response where error.isExpected:
            logger.notice(
                "no OCSP response is stapled until there is one for the new certificate",
                metadata: ["file": "\(path)"]
            )
        case .response:
            logger.warning(
                "a changed OCSP response is not stapled: the one before is, while it counts",
                metadata: ["file": "\(path)", "reason": "\(error)"]
            )
        case .authorities:
            logger.error(
                "changed certificate authorities cannot be used: those before stay",
                metadata: ["file": "\(path)", "reason": "\(error)"]
            )
        case .ticketKeys:
            logger.error(
                "changed ticket keys cannot be used: those before stay",
                metadata: ["file": "\(path)", "reason": "\(error)"]
            )
        }
    }

    /// A file of rates has changed and is faulty.
    static func cannotReadRates(_ path: String, _ reason: String) {
        logger.error(
            "a file of rates is faulty: the rates stay as they are",
            metadata: ["file": "\(path)", "reason": "\(reason)"]
        )
    }

    /// A server's certificate could not be verified.
    static func untrusted(
        upstream: String,
        server: String,
        name: String,
        problem: String,
        more: Int
    ) {
        logger.error(
            "a server's certificate cannot be verified: its requests fail",
            metadata: [
                "upstream": "\(upstream)", "server": "\(server)", "name": "\(name)",
                "reason": "\(problem)", "suppressed": "\(more)",
            ]
        )
    }

    /// TLS with a server came to nothing, for another reason than its certificate.
    static func tlsFailed(upstream: String, server: String, problem: String, more: Int) {
        logger.error(
            "TLS with a server fails: its requests do",
            metadata: [
                "upstream": "\(upstream)", "server": "\(server)", "reason": "\(problem)",
                "suppressed": "\(more)",
            ]
        )
    }

    /// A handshake with a client came to nothing.
    /// - Parameters:
    ///   - failure: Why; it says how loudly.
    ///   - client: Who it was.
    ///   - name: The name that it has asked for; nil for none.
    ///   - problem: Why, in words.
    ///   - more: How many failed for the same reason and were not told of.
    static func handshakeFailed(
        _ failure: TLSFailure,
        client: Peer,
        name: String?,
        problem: String,
        more: Int
    ) {
        logger.log(
            level: failure.logLevel,
            "a client's TLS handshake failed",
            metadata: [
                "client": "\(client.address.map { "\($0)" } ?? "unix")",
                "name": "\(name ?? "-")", "failure": "\(failure.rawValue)",
                "reason": "\(problem)", "suppressed": "\(more)",
            ]
        )
    }

    /// A server's health changed.
    static func healthChanged(upstream: String, server: String, isHealthy: Bool) {
        logger.log(
            level: isHealthy ? .notice : .warning,
            isHealthy ? "server is healthy again" : "server fails its health checks",
            metadata: ["upstream": "\(upstream)", "server": "\(server)"]
        )
    }
}
