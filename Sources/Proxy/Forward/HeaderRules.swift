import Addressing
import Bytes
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
