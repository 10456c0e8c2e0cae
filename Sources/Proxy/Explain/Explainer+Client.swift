import Addressing
import Bytes
import Configuration
import HTTP
import HTTP1

/// Who the client is taken to be, hop by hop, and by which scheme it came.
extension Explainer {
    private var rule: ClientAddressRule { exchange.route?.rule ?? exchange.snapshot.topRule }

    mutating func addClient() {
        let client = exchange.client
        let found = client.address.map { "\($0)" } ?? "unknown: it came over a unix socket"
        var lines = [found] + peerLines
        switch client.ending {
        case .fieldsUnused: lines.append("client_address \(sourceName): no field is read")
        case .peerUntrusted:
            if exchange.request.fields.contains(fieldName) {
                lines.append("so its \(fieldName.canonical) is ignored, and replaced upstream")
            }
        case .exhausted where client.hopCount == 0:
            lines.append("it sent no \(fieldName.canonical)")
        default: lines += hopLines
        }
        add("client", lines)
        addScheme()
        add("request id", requestIDLine())
    }

    private var fieldName: FieldName { rule.source == .forwarded ? .forwarded : .xForwardedFor }

    private var sourceName: String {
        switch rule.source {
        case .xForwardedFor: "x-forwarded-for"
        case .forwarded: "forwarded"
        case .proxyProtocol: "proxy_protocol"
        case .peer: "peer"
        }
    }

    private var peerLines: [String] {
        let socket = exchange.connection.peer
        var lines = [trust(of: socket)]
        if exchange.client.peer != socket {
            lines.append(
                "the PROXY protocol header puts \(text(exchange.client.peer)) in its place"
            )
            lines.append(trust(of: exchange.client.peer))
        } else if case .proxied(let named, _) = exchange.connection.proxyHeader, named != socket {
            lines.append("so its PROXY protocol header is not believed")
        }
        return lines
    }

    private func trust(of peer: Peer) -> String {
        let name = text(peer)
        guard rule.trusted.contains(peer) else { return "\(name) is not in trusted_proxies" }
        guard let address = peer.address, let network = network(of: address) else {
            return "\(name) is trusted: trusted_proxies names unix"
        }
        return "\(name) is trusted, as \(network)"
    }

    private func network(of address: IPAddress) -> Network? {
        rule.trusted.networks.networks.first { $0.contains(address) }
    }

    /// The entries of the fields from right to left, as far as the rule read them.
    private var hopLines: [String] {
        let client = exchange.client
        let fields = exchange.request.fields
        var lines: [String] = []
        var read = 0
        for index in fields.indices.reversed() where fields.known(at: index) == fieldName {
            let value = fields.value(at: index)
            for range in rule.entries(of: value) {
                let entry = trimmedText(value.extracting(range))
                read += 1
                if read <= client.hopCount {
                    let isClient = read == client.hopCount && client.ending == .clientFound
                    lines.append(
                        "\(entry): \(isClient ? "not trusted, so it is the client" : "trusted")"
                    )
                    continue
                }
                switch client.ending {
                case .unreadableEntry: lines.append("\(entry): no address, so reading ends")
                case .tooManyHops: lines.append("\(entry): too many proxies, so reading ends")
                default: lines.append("what stands to its left is not looked at")
                }
                return lines
            }
        }
        if client.ending == .exhausted {
            lines.append("all are trusted, so the first of them is the client")
        }
        return lines
    }

    private func trimmedText(_ entry: Span<UInt8>) -> String {
        let words = entry.string().split { $0 == " " || $0 == "\t" }
        return words.isEmpty ? "(empty)" : words.joined(separator: " ")
    }

    // MARK: Scheme and request id

    private mutating func addScheme() {
        let name = "\(exchange.scheme.name)"
        let client = exchange.client
        let told =
            client.peerIsTrusted
            && (client.scheme != nil || exchange.request.fields.contains(.xForwardedProto))
        var lines = [told ? "\(name), as the trusted peer says" : name]
        if !told, exchange.request.fields.contains(.xForwardedProto) {
            lines.append("the peer is not trusted, so its X-Forwarded-Proto is ignored")
        }
        if request.url.scheme == .https && exchange.scheme != .https {
            lines.append(
                "not https, as in the URL: TLS ends in front of the gateway, and only a trusted "
                    + "peer's X-Forwarded-Proto can tell"
            )
        }
        add("scheme", lines)
    }

    private mutating func requestIDLine() -> String {
        exchange.trustedRequestID() == nil
            ? "made anew" : "\(exchange.requestIDText), kept from the trusted peer"
    }
}
