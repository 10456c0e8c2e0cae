import Bytes

@testable import Addressing

/// An address from a text that is known to be good.
func ip(_ text: String) -> IPAddress {
    IPAddress(text) ?? IPAddress(high: .max, low: .max)
}

/// A network from a text that is known to be good.
func network(_ text: String) -> Network {
    (try? Network(text)) ?? Network(IPAddress(high: .max, low: .max))
}

func networks(_ texts: [String]) -> NetworkSet { NetworkSet(texts.map(network)) }

/// What a function writes into a buffer, as text.
func written(_ body: (Buffer) -> Void) -> String {
    let buffer = Buffer()
    body(buffer)
    return buffer.readable.string()
}

/// Applies a rule to the fields of a request, given in the order in which the request has them.
func resolve(
    _ fields: [String],
    peer: Peer = .ip(IPAddress(10, 0, 0, 1), port: 4000),
    trusted: [String] = ["10.0.0.0/8"],
    source: ClientAddressRule.Source = .xForwardedFor,
    trustsUnixPeers: Bool = true,
    header: ProxyHeader? = nil
) -> ClientAddress {
    let rule = ClientAddressRule(
        source: source,
        trusted: TrustedPeers(networks: networks(trusted), trustsUnixPeers: trustsUnixPeers)
    )
    var client = rule.start(peer: peer, header: header)
    for field in fields.reversed() {
        guard client.wantsField else { break }
        rule.read(Array(field.utf8).span, into: &client)
    }
    return client
}

/// The value that is sent on for a client.
func forwarded(
    _ client: ClientAddress,
    _ fields: [String],
    as form: ClientAddress.Form,
    host: String? = nil
) -> String {
    written { buffer in
        client.writeStart(form, to: buffer)
        if let host {
            writeForwardedParameters(scheme: .https, host: Array(host.utf8).span, to: buffer)
        }
        for (index, field) in fields.enumerated() {
            client.writeHops(
                form,
                of: Array(field.utf8).span,
                indexFromLast: fields.count - 1 - index,
                to: buffer
            )
        }
        client.writeEnd(form, to: buffer)
    }
}
