import Addressing
import Bytes
import Configuration

/// The listener that a request would come in by, as far as a URL tells.
///
/// A URL names a host and a port; which of the gateway's addresses they lead to is up to DNS, port
/// mappings and load balancers. So this is a choice, and it says how it was made.
struct ListenerChoice {
    let number: Int
    let identity: ListenerIdentity
    /// What is to be said about it.
    let lines: [String]

    init(_ request: ExplainedRequest, host: Span<UInt8>, _ configuration: Configuration)
        throws(ExplainedRequestError)
    {
        let listeners = configuration.listeners
        let serving = listeners.indices.filter { listeners[$0].table.find(host: host) != nil }
        let onPort = listeners.indices.filter { listeners[$0].address.port == request.url.port }
        // By scheme, where the port does not decide.
        let isSecure = request.url.scheme == .https
        let fitting = serving.filter { listeners[$0].isSecure == isSecure }
        let number: Int
        var lines: [String] = []
        if let named = request.listener {
            guard let found = listeners.firstIndex(where: { $0.address == named }) else {
                let known = listeners.map(\.address.description).joined(separator: ", ")
                throw ExplainedRequestError("no site listens on \(named), only on \(known)")
            }
            number = found
        } else if let first = onPort.first {
            let address = IPAddress(request.url.host)
            number =
                onPort.first { address != nil && listeners[$0].address.ipAddress == address }
                ?? onPort.first { serving.contains($0) } ?? first
            let others = onPort.filter { $0 != number }.map { "\(listeners[$0].address)" }
            if !others.isEmpty {
                lines.append(
                    "on that port as well: \(others.joined(separator: ", ")); "
                        + "--listener chooses"
                )
            }
        } else {
            guard let first = fitting.first ?? serving.first ?? listeners.indices.first else {
                throw ExplainedRequestError("no site listens anywhere")
            }
            number = first
            let reason =
                serving.isEmpty
                ? "the first one"
                : "the first with a site for the host"
                    + (fitting.isEmpty || !isSecure ? "" : " and tls")
            lines.append(
                "no listener has port \(request.url.port), so this is \(reason); "
                    + "--listener chooses"
            )
        }
        let chosen = listeners[number]
        self.number = number
        identity = ListenerIdentity(address: chosen.address, proxyProtocol: chosen.proxyProtocol)
        self.lines =
            ["\(chosen.address)\(chosen.isSecure ? " tls" : "")"] + lines
            + Self.preamble(request, chosen)
    }

    private static func preamble(_ request: ExplainedRequest, _ listener: SiteListener) -> [String]
    {
        switch (listener.proxyProtocol, request.proxied) {
        case (false, nil): []
        case (false, .some):
            ["proxy_protocol is off: a connection that begins with such a header gets 400"]
        case (true, nil):
            [
                "proxy_protocol: a connection must begin with such a header; taken to be one that "
                    + "names no client (--proxied ADDRESS names one)"
            ]
        case (true, .some(let client)):
            ["proxy_protocol: the header names \(text(client)) as the client"]
        }
    }
}
