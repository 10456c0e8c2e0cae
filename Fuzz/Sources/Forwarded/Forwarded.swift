import Addressing
import Bytes

/// X-Forwarded-For and Forwarded: nobody's word counts but a trusted proxy's, and what is written
/// for the app is read there as the same client.
///
/// The first byte says who the peer is and which field is read; line feeds part the fields.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0 else { return 0 }
    let seed = start[0]
    let input = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    let fields = input.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) }
    let source: ClientAddressRule.Source = seed & 1 == 0 ? .xForwardedFor : .forwarded
    let form: ClientAddress.Form = seed & 1 == 0 ? .xForwardedFor : .forwarded
    let rule = ClientAddressRule(source: source, trusted: trusted)
    let peer = peers[Int(seed >> 1) % peers.count]

    let client = find(fields, peer: peer, rule)
    if !trusted.contains(peer) {
        precondition(client.address == peer.address, "an untrusted peer's claim was believed")
        precondition(client.hopCount == 0 && !client.peerIsTrusted)
        precondition(client.scheme == nil && client.host == nil)
    }
    precondition(client.hopCount <= ClientAddressRule.maximumHopCount)
    if client.ending == .clientFound, let address = client.address {
        precondition(!trusted.networks.contains(address), "a trusted proxy taken for the client")
    }
    if let host = client.host {
        let field = fields[fields.count - 1 - host.fieldIndexFromLast]
        let text = Buffer()
        host.write(from: field.span, to: text)
        precondition(text.count <= host.range.count)
    }

    // What is left of the client's entry has no say.
    if client.ending == .clientFound {
        let more = find([Array("8.8.8.8, for=8.8.8.8".utf8)] + fields, peer: peer, rule)
        precondition(more.address == client.address && more.hopCount == client.hopCount)
    }

    let written = write(client, fields, form)
    checkBytes(written)
    // The app behind trusts this gateway as it trusts `peer`: it must find the same client.
    // A unix peer has no address: in Forwarded it is written as `unknown`, where reading ends.
    let namesPeer = peer != .unix || form == .xForwardedFor
    if client.peerIsTrusted, namesPeer, client.hopCount > 0, client.hopCount < 64 {
        let again = find([written], peer: peer, rule)
        precondition(again.address == client.address, "the app would see another client")
    }
    return 0
}

let trusted = TrustedPeers(
    networks: NetworkSet(
        ["10.0.0.0/8", "fd00::/8", "192.0.2.1"].map { text in
            guard let network = try? Network(text) else { preconditionFailure(text) }
            return network
        }
    ),
    trustsUnixPeers: true
)

/// Trusted and not, of each family.
let peers: [Peer] = [
    .ip(IPAddress(10, 0, 0, 1), port: 1234),
    .ip(IPAddress(203, 0, 113, 9), port: 1234),
    .unix,
    .ip(IPAddress(high: 0xFD00_0000_0000_0000, low: 1), port: 1234),
    .ip(IPAddress(high: 0x2001_0DB8_0000_0000, low: 1), port: 1234),
    .ip(IPAddress(high: 0, low: 0xFFFF_0A00_0001), port: 1234),
]

func find(_ fields: [[UInt8]], peer: Peer, _ rule: ClientAddressRule) -> ClientAddress {
    var client = rule.start(peer: peer)
    for field in fields.reversed() {
        guard client.wantsField else { break }
        let hopsBefore = client.hopCount
        rule.read(field.span, into: &client)
        precondition(client.hopCount >= hopsBefore)
    }
    return client
}

/// The field that the app gets, as the gateway makes it.
func write(_ client: ClientAddress, _ fields: [[UInt8]], _ form: ClientAddress.Form) -> [UInt8] {
    let buffer = Buffer()
    client.writeStart(form, to: buffer)
    if client.hopCount > 1 {
        for (index, field) in fields.enumerated() {
            client.writeHops(
                form,
                of: field.span,
                indexFromLast: fields.count - 1 - index,
                to: buffer
            )
        }
    }
    client.writeEnd(form, to: buffer)
    return buffer.readable.bytes()
}

/// Addresses and what stands between them, so nothing of what a client sent is copied through.
func checkBytes(_ bytes: [UInt8]) {
    for byte in bytes {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"): continue
        case UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: " "),
            UInt8(ascii: "\""), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "="):
            continue
        default: preconditionFailure("byte \(byte) passed on")
        }
    }
}
