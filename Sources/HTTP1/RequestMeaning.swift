import Bytes
import HTTP

/// Works out, once, what the fields of a request mean for its connection and its routing.
enum RequestMeaning {
    /// Fills in everything of a parsed and stored head that depends on its fields.
    static func establish(
        _ head: inout RequestHead,
        limits: MessageLimits
    ) throws(Interruption) {
        try readHost(&head)
        if head.pathRange.isEmpty { supplyPath(&head) }
        var options: ConnectionOptions?
        if head.fields.contains(.connection) {
            options = try ConnectionOptions(
                &head.fields,
                limit: limits.connectionOptionCount
            )
        }
        let http11 = head.version == .http11
        head.keepAlive = options?.persistent(head.version) ?? http11
        head.upgradeRequested =
            http11 && options?.upgrade == true && head.fields.contains(.upgrade)
            && !asksForHTTP2(head.fields)
        head.framing = try FramingFields.read(head.fields, version: head.version) ?? .none
        head.expectContinue = http11 && expectsContinue(head.fields)
    }

    /// Source: RFC 9112 §3.2 and §3.2.2: one valid Host, and an absolute target wins over it.
    private static func readHost(_ head: inout RequestHead) throws(Interruption) {
        if let index = head.fields.first(.host) {
            guard !head.fields.isRepeated(.host) else {
                throw .invalid(.repeatedHost)
            }
            guard let authority = Authority(head.fields.value(at: index)) else {
                throw .invalid(.invalidHost)
            }
            if head.targetForm != .absolute {
                let range = head.fields.valueRange(at: index)
                head.authorityRange = range
                head.hostRange = ByteRange(
                    Int(range.start),
                    Int(range.start) &+ authority.hostCount
                )
                head.port = authority.port
            }
        } else if head.version == .http11 {
            throw .invalid(.missingHost)
        }
        guard !head.hostRange.isEmpty else { return }
        normalizeHost(&head)
    }

    /// Makes the host comparable: lower case, without the final dot of a fully qualified name.
    private static func normalizeHost(_ head: inout RequestHead) {
        let (upper, dotted) = hostTraits(head.host)
        if dotted, head.hostRange.count > 1 { head.hostRange.count &-= 1 }
        if upper { head.hostRange = head.fields.storeLowercased(head.hostRange) }
    }

    private static func hostTraits(_ host: Span<UInt8>) -> (upper: Bool, dotted: Bool) {
        var upper = false
        for index in host.indices where host[index] &- 0x41 < 26 { upper = true }
        return (upper, !host.isEmpty && host[host.count - 1] == 0x2E)
    }

    /// An absolute target without a path means `/`, or `*` if it is all that OPTIONS names.
    ///
    /// Source: RFC 9112 §3.2.1 and §3.2.4.
    private static func supplyPath(_ head: inout RequestHead) {
        let path: [UInt8] = head.method == .options && !head.hasQuery ? [0x2A] : [0x2F]
        head.pathRange = head.fields.store(path.span)
    }

    /// Whether HTTP/2 in clear text is asked for: inside such a tunnel, requests would pass by
    /// every rule of the proxy.
    ///
    /// Source: RFC 9113 §3.1, which makes the upgrade obsolete.
    private static func asksForHTTP2(_ section: FieldSection) -> Bool {
        var field = section.first(.upgrade)
        while let index = field {
            let value = section.value(at: index)
            var list = CommaList()
            while let member = list.next(in: value) {
                let name = value.extracting(member)
                if name.equalsIgnoringCase("h2c") || name.equalsIgnoringCase("h2") { return true }
            }
            field = section.next(.upgrade, from: index + 1)
        }
        return false
    }

    /// Source: RFC 9110 §10.1.1.
    private static func expectsContinue(_ section: FieldSection) -> Bool {
        var field = section.first(.expect)
        while let index = field {
            let value = section.value(at: index)
            var list = CommaList()
            while let member = list.next(in: value) {
                if value.extracting(member).equalsIgnoringCase("100-continue") { return true }
            }
            field = section.next(.expect, from: index + 1)
        }
        return false
    }
}
