import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import Limiting

/// What `gateway limits top` knows keys by: texts for a person, made only when a key comes into the
/// sketch of the busiest ones.
///
/// Addresses, hosts and paths are shown, as they stand in the access log as well. Values of fields,
/// cookies and parameters may be secrets: of long ones only the beginning is kept, of short ones
/// nothing, and the key's hash tells them apart.
extension Exchange {
    /// Decisions that one which is noted stands for, where requests are let through.
    static let hotKeyInterval = 64
    /// Bytes of a value that are shown, and those that it has to have at least for that.
    private static let shownBytes = 4
    private static let secretLength = 16

    /// Notes that a limit has decided, for the list of its busiest keys.
    mutating func noteHot(_ entry: LimitTurn.Taken, isAllowed: Bool) {
        let hot = entry.runtime.table.hot
        let weight = isAllowed ? UInt64(Exchange.hotKeyInterval) : 1
        if hot.note(entry.key, isAllowed: isAllowed, weight: weight, now: context.reactor.now) {
            hot.name(entry.key, keyText(entry.runtime.limit.key))
        }
    }

    /// Notes the limits that have let a request through, for one of so many requests.
    mutating func noteHotSample(_ turn: LimitTurn) {
        for entry in turn.taken where !entry.isVoid { noteHot(entry, isAllowed: true) }
    }

    /// What a key is made of, in printable ASCII.
    private mutating func keyText(_ key: CountingKey) -> [UInt8] {
        var text: [UInt8] = []
        for part in key.parts {
            if !text.isEmpty { text.append(contentsOf: Array(" + ".utf8)) }
            if append(part, of: key, to: &text) { continue }
            // It was counted by its address instead.
            text = addressText(key)
            text.append(contentsOf: Array(" without \(key.description)".utf8))
            return text
        }
        return text
    }

    private mutating func append(
        _ part: CountingKey.Part,
        of key: CountingKey,
        to text: inout [UInt8]
    ) -> Bool {
        switch part {
        case .clientAddress: text.append(contentsOf: addressText(key))
        case .host: PrintableText.append(request.host, to: &text)
        case .path:
            if pathIsNormal {
                PrintableText.append(request.path, to: &text)
            } else {
                PrintableText.append(normalizedPath.span, to: &text)
            }
        case .route:
            guard let route else { return false }
            let (site, name) = (route.site, route.name)
            PrintableText.append(site.span, to: &text)
            text.append(UInt8(ascii: " "))
            PrintableText.append(name.span, to: &text)
        case .header(let name):
            let bytes = Array(name.utf8)
            guard let index = request.fields.first(named: bytes.span) else { return false }
            appendMasked(name, request.fields.value(at: index), to: &text)
        case .cookie(let name):
            let bytes = Array(name.utf8)
            for index in request.fields.indices where request.fields.known(at: index) == .cookie {
                let value = request.fields.value(at: index)
                if let range = Proxy.cookieValue(named: bytes.span, in: value) {
                    appendMasked(name, value.extracting(range), to: &text)
                    return true
                }
            }
            return false
        case .query(let name):
            let bytes = Array(name.utf8)
            let query = request.query
            guard let range = parameterValue(named: bytes.span, in: query) else { return false }
            appendMasked(name, query.extracting(range), to: &text)
        }
        return true
    }

    private func addressText(_ key: CountingKey) -> [UInt8] {
        guard let address = client.address else { return Array("unix:".utf8) }
        let masked = key.masked(address)
        let prefix = masked.isIPv4 ? key.ipv4Prefix : key.ipv6Prefix
        return Array((prefix == masked.bitWidth ? "\(masked)" : "\(masked)/\(prefix)").utf8)
    }

    private func appendMasked(_ name: String, _ value: Span<UInt8>, to text: inout [UInt8]) {
        text.append(contentsOf: Array("\(name)=".utf8))
        if value.count >= Exchange.secretLength {
            PrintableText.append(value.extracting(first: Exchange.shownBytes), to: &text)
        }
        text.append(contentsOf: Array("***".utf8))
    }
}

/// Bytes from the network as printable ASCII, so that no terminal obeys them.
enum PrintableText {
    /// Bytes of one value at most.
    private static let limit = 64

    static func append(_ bytes: Span<UInt8>, to text: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        for index in 0..<min(bytes.count, limit) {
            let byte = bytes[index]
            if (0x20...0x7E).contains(byte), byte != UInt8(ascii: "\\") {
                text.append(byte)
            } else {
                text.append(contentsOf: [0x5C, 0x78])
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
        }
        if bytes.count > limit { text.append(contentsOf: Array("...".utf8)) }
    }
}
