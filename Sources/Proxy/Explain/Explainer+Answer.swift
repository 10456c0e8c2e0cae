import Bytes
import Configuration
import HTTP
import HTTP1

/// What the client gets that no upstream sent, what is changed in what one sends, and the log.
extension Explainer {
    mutating func refuse(_ failure: Failure) {
        status = failure.status
        let policy =
            exchange.route?.route.policy ?? exchange.unrouted?.policy
            ?? configuration.policy
        let page = ErrorPage.make(
            failure,
            policy: policy,
            prefersHTML: exchange.prefersHTML,
            requestID: exchange.requestID,
            scratch: Buffer()
        )
        let isOwn = policy.errorPage(for: failure.status) != nil
        let closes = failure.closesConnection || !exchange.keepsConnection
        add(
            "answer",
            "\(reasoned(failure.status)), counted and logged as \(failure.reason.name)",
            "\(page.contentType.span.string())\(isOwn ? ", from error_page" : "")",
            failure.retryAfter.map { "Retry-After: \($0)" },
            closes ? "the connection is closed" : "the connection stays open"
        )
        if exchange.route != nil { addResponseRules(ofUpstream: false) }
    }

    mutating func addResponseRules(ofUpstream: Bool) {
        var lines: [String] = []
        if ofUpstream {
            lines.append("as the server sends it, less the fields that concern its connection only")
        }
        // Cookies are an upstream's.
        lines += secureLines.filter { ofUpstream || !$0.hasPrefix("cookies") }
        for rule in exchange.route?.route.policy.responseHeaders ?? [] {
            let value = Buffer()
            switch rule.operation {
            case .remove:
                // What the gateway makes itself has no fields that a rule could remove.
                if ofUpstream { lines.append("remove \(rule.name)") }
            case .set(let template):
                exchange.expand(template, to: value)
                lines.append("set \(rule.name): \(value.readable.string())")
            case .add(let template):
                exchange.expand(template, to: value)
                lines.append("add \(rule.name): \(value.readable.string())")
            }
        }
        add("response", lines)
    }

    mutating func addLog() {
        let policy =
            exchange.route?.route.policy ?? exchange.unrouted?.policy
            ?? configuration.policy
        guard let index = policy.accessLog else {
            add("log", "off")
            return
        }
        let log = configuration.accessLogs[index]
        let name =
            switch log.destination {
            case .standardOutput: "stdout"
            case .standardError: "stderr"
            case .file(let path): path
            }
        add("log", "\(name) format=\(log.format.rawValue)")
    }
}
