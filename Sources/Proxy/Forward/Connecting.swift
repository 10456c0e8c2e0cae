import Addressing
import Balancing
import Configuration
import EventLoop
import TLS

/// What a server's certificate must say.
struct SecureTarget: Sendable {
    let name: String
    /// Whether the name is an IP address, which is not sent as a server name.
    let isAddress: Bool

    /// What holds for a server with TLS; nil for one without.
    init?(_ server: UpstreamServer, of upstream: Upstream) {
        guard server.isSecure else { return nil }
        if let name = upstream.tls?.name {
            self.name = name
            isAddress = IPAddress(name) != nil
            return
        }
        switch server.endpoint {
        case .name(let host, _):
            name = host
            isAddress = false
        case .address(.ip(let address, _)):
            name = "\(address)"
            isAddress = true
        case .address(.unix):
            // Not reached: a configuration that names none for a socket is refused.
            name = "localhost"
            isAddress = false
        }
    }
}

extension UpstreamLoop {
    /// Encrypts a new connection to a server, if the server is configured so.
    /// - Parameters:
    ///   - stream: Connected; closed when this fails.
    ///   - index: The server's number in the set.
    ///   - deadline: When to give up, in nanoseconds of the loop's clock.
    /// - Throws: Why it failed.
    func secure(_ stream: Stream, _ index: Int, deadline: Int64) async throws(UpstreamFailure) {
        guard let target = servers.secureTargets[index] else { return }
        guard
            let session = tlsContext?.connect(
                name: target.name,
                isAddress: target.isAddress,
                sessions: tlsSessions
            )
        else {
            stream.close()
            throw .tlsFailed
        }
        stream.startTLS(session, received: nil)
        do throws(TLSFailure) {
            try await stream.handshake(deadline: deadline)
        } catch {
            let problem = stream.tlsProblem ?? error.words
            stream.close()
            let server = servers.set.servers[index].description.name
            switch error {
            case .timedOut: throw .connectTimeout
            case .invalidCertificate:
                noteUntrusted(server, name: target.name, problem)
                throw .certificateUntrusted
            default:
                noteTLSFailure(server, problem)
                throw .tlsFailed
            }
        }
    }
}
