import Addressing
import Bytes
import Caching
import Configuration
import HTTP
import HTTP1

extension HeaderRule {
    /// Whether the rule gives the request another Host.
    var setsHost: Bool {
        if case .remove = operation { return false }
        return lowercaseName == [0x68, 0x6F, 0x73, 0x74]
    }
}

extension FieldSection {
    /// Takes out the fields that rules remove or replace.
    mutating func remove(by rules: [HeaderRule]) {
        for rule in rules {
            if case .add = rule.operation { continue }
            let known = FieldName.match(rule.lowercaseName.span)
            if known != .other {
                removeAll(known)
                continue
            }
            while let index = first(named: rule.lowercaseName.span) { remove(at: index) }
        }
    }
}

/// The configuration's rules on fields, applied to a message on its way.
extension Exchange {
    /// Writes the fields that rules set or add.
    mutating func write(_ rules: [HeaderRule], to out: Buffer) {
        for rule in rules {
            switch rule.operation {
            case .remove: continue
            case .set(let template), .add(let template):
                out.append(rule.nameBytes)
                out.append(": ")
                expand(template, to: out)
                out.append("\r\n")
            }
        }
    }

    /// The fields of a response that the gateway may have written by itself before rules come.
    private static let writtenHere: FieldNameSet = FieldNameSet.rateLimits.union([
        .date, .contentType, .contentEncoding, .contentRange, .vary, .location, .xRequestID,
        .cacheControl, .retryAfter, .proxyStatus, .allow, .strictTransportSecurity, .age,
        .cacheStatus, .setCookie,
    ])

    /// Applies rules to the head of a response that has been written but for its end: what they
    /// set or remove is not sent beside what the gateway says itself.
    ///
    /// `start`: Where the head begins in the output.
    mutating func apply(_ rules: [HeaderRule], to out: Buffer, from start: Int) {
        let replaces = rules.contains { rule in
            if case .add = rule.operation { return false }
            return Exchange.writtenHere.contains(FieldName.match(rule.lowercaseName.span))
        }
        if replaces {
            let written = out.readable.bytes()
            let head = written.span.extracting(droppingFirst: start)
            out.removeAll()
            out.append(written.span.extracting(first: start))
            out.append(head.extracting(first: HeadLines.firstLine(of: head)))
            HeadLines.forEach(head) { name, _, line in
                for rule in rules {
                    if case .add = rule.operation { continue }
                    if name.equalsIgnoringCase(rule.lowercaseName.span) { return }
                }
                out.append(line)
            }
        }
        write(rules, to: out)
    }

    /// Writes a template's text with the values of this exchange.
    mutating func expand(_ template: Template, to out: Buffer) {
        for segment in template.segments {
            switch segment {
            case .literal(let bytes): out.append(bytes)
            case .variable(let variable): expand(variable, to: out)
            }
        }
    }

    private mutating func expand(_ variable: Variable, to out: Buffer) {
        switch variable {
        case .clientAddress: client.address?.write(to: out)
        case .host: out.append(request.host)
        case .path: out.append(request.path)
        case .query: out.append(request.query)
        case .uri:
            out.append(request.path)
            if request.hasQuery {
                out.append(UInt8(ascii: "?"))
                out.append(request.query)
            }
        case .method: out.append(request.methodBytes)
        case .scheme: out.append(scheme.name)
        case .requestID: requestID.write(to: out)
        case .upstream: out.append(serverName)
        }
    }
}
