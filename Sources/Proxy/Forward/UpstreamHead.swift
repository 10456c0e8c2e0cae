import Addressing
import Bytes
import Configuration
import HTTP
import HTTP1
import TLS

extension Exchange {
    /// The fields that the gateway writes itself, so that a client's own never reach the app.
    private static let ownRequestFields: FieldNameSet = [
        .host, .contentLength, .transferEncoding, .expect, .xForwardedFor, .xForwardedProto,
        .xForwardedHost, .xForwardedPort, .xForwardedPrefix, .xRealIP, .xRequestID, .forwarded,
    ]
    /// The same, and what only a proxy that is believed may say.
    private static let strangersFields: FieldNameSet = ownRequestFields.union([.earlyData])

    /// Writes the request as the app is to see it: line, fields, framing.
    /// - Parameters:
    ///   - out: Gets the head.
    ///   - framing: How the content will follow.
    ///   - keepsConnection: Whether the connection is to be kept after the response.
    mutating func writeUpstreamHead(
        to out: Buffer,
        framing: BodyFraming,
        keepsConnection: Bool
    ) {
        let policy = route?.route.policy
        if let rules = policy?.requestHeaders, !rules.isEmpty {
            request.fields.remove(by: rules)
        }
        let certificates = route?.clientCertificates
        if certificates != nil { request.fields.removeClientCertificate() }
        writeTarget(to: out)
        let rulesSetHost = policy?.requestHeaders.contains { $0.setsHost } ?? false
        if !rulesSetHost { out.writeField("Host", value: request.authority) }
        let saysEarly = client.peerIsTrusted && request.fields.contains(.earlyData)
        wasSentEarly = !saysEarly && isEarly
        out.writeEndToEndFields(
            of: request.fields,
            skipping: saysEarly ? Exchange.ownRequestFields : Exchange.strangersFields
        )
        // Source: RFC 8470 §5.1.
        if wasSentEarly { out.append("Early-Data: 1\r\n") }
        writeForwardingFields(to: out, sendsForwarded: policy?.sendsForwarded ?? false)
        if let certificates, let certificate = connection.tls?.peerCertificate {
            out.writeClientCertificate(certificate, withChain: certificates.sendsChain)
        }
        out.append("X-Request-ID: ")
        requestID.write(to: out)
        out.append("\r\n")
        out.append(
            request.version == .http11 ? "Via: 1.1 gateway\r\n" : "Via: 1.0 gateway\r\n"
        )
        out.writeFraming(framing)
        if request.upgradeRequested, let index = request.fields.first(.upgrade) {
            out.append("Connection: upgrade\r\n")
            out.writeField("Upgrade", value: request.fields.value(at: index))
        } else if !keepsConnection {
            out.append("Connection: close\r\n")
        }
        if let rules = policy?.requestHeaders, !rules.isEmpty { write(rules, to: out) }
        out.writeEndOfHead()
    }

    /// Writes the request line, its path rewritten where the route says so.
    private mutating func writeTarget(to out: Buffer) {
        guard let rewriting = route?.route.rewriting, !rewriting.rules.isEmpty else {
            out.writeRequestLine(request)
            return
        }
        let change =
            pathIsNormal
            ? rewriting.change(for: request.path) : rewriting.change(for: normalizedPath.span)
        guard let change else {
            out.writeRequestLine(request)
            return
        }
        out.append(request.methodBytes)
        out.append(UInt8(ascii: " "))
        out.append(change.replacement)
        if pathIsNormal {
            out.append(request.path.extracting(droppingFirst: change.dropped))
        } else {
            // The rule was matched against the decoded path, so that is what it applies to.
            writePercentEncoded(
                normalizedPath.span.extracting(droppingFirst: change.dropped),
                to: out
            )
        }
        if request.hasQuery {
            out.append(UInt8(ascii: "?"))
            out.append(request.query)
        }
        out.append(" HTTP/1.1\r\n")
    }

    /// Writes who the client is, made anew from what was believed.
    private mutating func writeForwardingFields(to out: Buffer, sendsForwarded: Bool) {
        if client.hasForwardedFor {
            out.append("X-Forwarded-For: ")
            writeChain(.xForwardedFor, to: out)
            out.append("\r\nX-Real-IP: ")
            client.address?.write(to: out)
            out.append("\r\n")
        }
        out.append("X-Forwarded-Proto: ")
        out.append(scheme.name)
        out.append("\r\n")
        writeForwardedHost(to: out)
        writeForwardedPrefix(to: out)
        if sendsForwarded {
            out.append("Forwarded: ")
            writeChain(.forwarded, to: out)
            out.append("\r\n")
        }
    }

    private mutating func writeForwardedHost(to out: Buffer) {
        if client.peerIsTrusted, let index = request.fields.first(.xForwardedHost) {
            out.writeField("X-Forwarded-Host", value: request.fields.value(at: index))
        } else if !request.authority.isEmpty {
            out.writeField("X-Forwarded-Host", value: request.authority)
        }
        if client.peerIsTrusted, let index = request.fields.first(.xForwardedPort) {
            out.writeField("X-Forwarded-Port", value: request.fields.value(at: index))
        } else {
            let port = request.port.map(Int.init) ?? (scheme == .https ? 443 : 80)
            out.writeField("X-Forwarded-Port", decimal: port)
        }
    }

    private mutating func writeChain(_ form: ClientAddress.Form, to out: Buffer) {
        client.writeStart(form, to: out)
        if form == .forwarded {
            writeForwardedParameters(scheme: scheme, host: request.authority, to: out)
        }
        if client.hopCount > 1 {
            let name: FieldName = client.source == .forwarded ? .forwarded : .xForwardedFor
            var fromLast = request.fields.count(of: name) - 1
            for index in request.fields.indices where request.fields.known(at: index) == name {
                client.writeHops(
                    form,
                    of: request.fields.value(at: index),
                    indexFromLast: fromLast,
                    to: out
                )
                fromLast -= 1
            }
        }
        client.writeEnd(form, to: out)
    }

    /// Writes what was taken off the front of the path, which the app needs to build links.
    private mutating func writeForwardedPrefix(to out: Buffer) {
        if client.peerIsTrusted, let index = request.fields.first(.xForwardedPrefix) {
            out.writeField("X-Forwarded-Prefix", value: request.fields.value(at: index))
            return
        }
        guard let rules = route?.route.rewriting.rules, !rules.isEmpty else { return }
        for rule in rules {
            guard case .prefix(let text) = rule.from, rule.replacement == [UInt8(ascii: "/")],
                isBelow(text)
            else { continue }
            let prefix = Array(text.utf8.dropLast())
            if !prefix.isEmpty { out.writeField("X-Forwarded-Prefix", value: prefix.span) }
            return
        }
    }

    private func isBelow(_ prefix: String) -> Bool {
        let count = prefix.utf8.count
        let path = pathIsNormal ? request.path : normalizedPath.span
        if path.count < count - 1 { return false }
        var index = 0
        for byte in prefix.utf8 {
            // `/app` itself is below `/app/` as well.
            if index == path.count { return index == count - 1 }
            if path[index] != byte { return false }
            index += 1
        }
        return true
    }
}

/// Writes a decoded path in the form that a request line takes.
///
/// Source: RFC 3986 §3.3.
func writePercentEncoded(_ path: Span<UInt8>, to out: Buffer) {
    for index in path.indices {
        let byte = path[index]
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: ":"),
            UInt8(ascii: "@"), UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"),
            UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
            out.append(byte)
        default:
            let high = byte >> 4
            let low = byte & 15
            out.append(UInt8(ascii: "%"))
            out.append(high < 10 ? high + 48 : high + 55)
            out.append(low < 10 ? low + 48 : low + 55)
        }
    }
}
