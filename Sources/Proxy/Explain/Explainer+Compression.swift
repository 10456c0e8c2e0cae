import Configuration
import HTTP

/// What becomes of the content of a response.
extension Explainer {
    /// Of a response that the upstream may send.
    mutating func addCompression() {
        guard let policy = exchange.route?.route.policy.compression else { return }
        defer { addDictionaries() }
        let type = request.responseType
        let length = request.responseSize
        if type == nil && length == nil {
            let accept = exchange.coding?.accept ?? AcceptEncoding()
            let choice = accept.preferred(of: policy.rules.codings)
            add(
                "compress",
                settings(policy),
                choice.map { "content of a listed type goes out as \($0.name)" }
                    ?? "content goes out as it comes: \(text(.notAccepted))",
                "--response-type and --response-size tell more"
            )
            return
        }
        explain(policy, type: type ?? "text/html", length: length, status: 200)
    }

    /// Of a response that stands in the file.
    mutating func addCompression(of fixed: FixedResponse) {
        guard let policy = exchange.route?.route.policy.compression, let type = fixed.contentType
        else { return }
        explain(policy, type: type, length: fixed.body.count, status: fixed.status)
    }

    private mutating func explain(
        _ policy: CompressionPolicy,
        type: String,
        length: Int?,
        status: Int
    ) {
        var fields = FieldSection()
        let bytes = Array(type.utf8)
        fields.append(.contentType, value: bytes.span)
        let decision = CodingDecision(
            accept: exchange.coding?.accept ?? AcceptEncoding(),
            status: status,
            fields: fields,
            length: length,
            rules: policy.rules
        )
        let size = length.map { "\($0) bytes" } ?? "a length that is not known"
        var lines = [settings(policy), "of \(type), \(size):"]
        switch decision.action {
        case .keep(let obstacle): lines.append("goes out as it comes: \(text(obstacle))")
        case .recode: break
        case .encode(let coding):
            if policy.breach == .skipCookies, exchange.coding?.belongsToSomebody ?? false {
                lines.append("goes out as it comes: \(text(.breach))")
            } else {
                lines.append("Content-Encoding: \(coding.name)")
                lines.append("an ETag \"x\" becomes W/\"x--\(coding.name)\"")
            }
        }
        if decision.varies { lines.append("Vary: Accept-Encoding") }
        add("compress", lines)
    }

    /// What dictionaries have to do with it.
    private mutating func addDictionaries() {
        guard let dictionaries = exchange.route?.route.policy.dictionaries else { return }
        guard exchange.usesDictionaries else {
            add("compress_dictionary", "nothing: the request is not secure")
            return
        }
        var lines = [
            dictionaries.advice.map { "Use-As-Dictionary: " + String(decoding: $0, as: UTF8.self) }
                ?? "contents whose application says Use-As-Dictionary become dictionaries",
            "of at most \(size(dictionaries.largest)), if they are everybody's and stay fresh",
        ]
        let coding = exchange.coding ?? ResponseCoding()
        switch coding.available {
        case .none: lines.append("the client names no dictionary")
        case .malformed: lines.append("Available-Dictionary is no hash, so it counts for nothing")
        case .hash:
            if coding.accept.weight(of: .dictionaryZstd) == 0 {
                lines.append("the client names a dictionary, and does not take dcz")
            } else if coding.readability == .never {
                lines.append("the page that asks may not read the response: no dictionary is used")
            } else {
                lines.append("Content-Encoding: dcz, if the dictionary is at hand")
            }
        }
        add("compress_dictionary", lines)
    }

    private func settings(_ policy: CompressionPolicy) -> String {
        let names = policy.rules.codings.map { "\($0.name)" }.joined(separator: " ")
        let breach = policy.breach == .off ? "" : " breach=\(policy.breach.rawValue)"
        return "\(names) min=\(size(policy.rules.minimumLength)) "
            + "level=\(policy.level.rawValue)\(breach)"
    }

    private func text(_ obstacle: CodingObstacle) -> String {
        switch obstacle {
        case .notAccepted: "the client takes none of these, or would rather have none"
        case .tooSmall: "there is less of it than the minimum"
        case .type: "its type is not on the list"
        case .status: "the status has no content, or part of one"
        case .noTransform: "Cache-Control forbids it"
        case .alreadyCoded: "it has a content coding already"
        case .breach: "the request has a cookie or credentials"
        case .busy, .memory, .failed: obstacle.rawValue
        }
    }
}
