extension Directive {
    static let header = Directive(
        name: "header",
        contexts: [.top, .site, .route, .upstream],
        repetition: .many,
        arguments: [Argument("ARGUMENT", .text, .oneOrMore, "see the line above")],
        usage: "[request|response] set|add|remove NAME [VALUE]",
        summary: "Changes the fields of requests or responses.",
        help: """
            Without `request` or `response` the response is meant. `set` replaces all fields of \
            the name by one, `add` adds one, `remove` takes all away. Rules add up: those of the \
            top come first, then the site's, the route's, and the upstream's, where only \
            `request` can stand.

            A value may hold `$client_address`, `$host`, `$path`, `$query`, `$uri`, `$method`, \
            `$scheme`, `$request_id` and `$upstream`; `$$` is a dollar. What comes from the \
            environment is taken as it is.

            Fields that frame a message or belong to one connection (Content-Length, Connection, \
            Transfer-Encoding and their like) are the gateway's own; Host can be `set` in requests.
            """,
        example: .site(
            """
            header set X-Frame-Options DENY
            header remove Server
            header request set X-Request-Start "$request_id at $host"
            proxy app
            """
        ),
        effect: .set { call, block in
            do throws(HeaderFault) {
                let draft = try headerDraft(call, block.context)
                block.headers.append(Placed(value: draft, mark: call.mark))
            } catch {
                block.isDamaged = true
                call.error(error.mark, error.message, hint: error.hint)
            }
        }
    )
}

private struct HeaderFault: Error {
    let mark: Mark?
    let message: String
    var hint: String?
}

private func headerDraft(_ call: Call, _ context: Context) throws(HeaderFault) -> HeaderDraft {
    var words = call.arguments[...]
    var isRequest = false
    if let first = words.first, !first.word.isQuoted, ["request", "response"].contains(first.text) {
        isRequest = first.text == "request"
        words = words.dropFirst()
    }
    if context == .upstream, !isRequest {
        throw HeaderFault(
            mark: nil,
            message: "in an upstream, only 'header request' has an effect",
            hint: "rules for responses stand at the top, in a site or in a route"
        )
    }
    let operations = ["set", "add", "remove"]
    guard let operation = words.popFirst() else {
        throw HeaderFault(mark: nil, message: "expected set, add or remove")
    }
    guard operations.contains(operation.text) else {
        throw HeaderFault(
            mark: operation.mark,
            message: "expected set, add or remove, found '\(operation.text)'",
            hint: suggestion(for: operation.text, among: operations + ["request", "response"])
        )
    }
    guard let name = words.popFirst() else {
        throw HeaderFault(mark: nil, message: "expected the name of a field")
    }
    try checkName(name, operation.text, isRequest)
    let value = words.popFirst()
    if let extra = words.first {
        throw HeaderFault(
            mark: extra.mark,
            message: "unexpected argument '\(extra.text)'",
            hint: "put a value with spaces in quotes"
        )
    }
    return HeaderDraft(
        isRequest: isRequest,
        rule: HeaderRule(name: name.text, operation: try headerOperation(operation, name, value))
    )
}

private func headerOperation(
    _ operation: Parsed,
    _ name: Parsed,
    _ value: Parsed?
) throws(HeaderFault) -> HeaderRule.Operation {
    if operation.text == "remove" {
        if let value { throw HeaderFault(mark: value.mark, message: "'remove' takes no value") }
        return .remove
    }
    guard let value else {
        throw HeaderFault(mark: name.mark, message: "'\(operation.text)' needs a value")
    }
    if value.text.hasPrefix(" ") || value.text.hasSuffix(" ") {
        throw HeaderFault(
            mark: value.mark,
            message: "a field's value neither begins nor ends with a space"
        )
    }
    do throws(ValueError) {
        let template = try Template(parsing: value.word)
        return operation.text == "set" ? .set(template) : .add(template)
    } catch {
        throw HeaderFault(mark: value.mark, message: error.message, hint: error.hint)
    }
}

/// Fields that frame a message or belong to one connection: the gateway writes them itself.
///
/// Source: RFC 9110 §7.6.1, RFC 9112 §6, RFC 9113 §8.2.2; Expect by RFC 9110 §10.1.1.
private let ownFields: Set<String> = [
    "connection", "content-length", "expect", "http2-settings", "keep-alive", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
]

private func checkName(
    _ name: Parsed,
    _ operation: String,
    _ isRequest: Bool
) throws(HeaderFault) {
    let lowercase = name.text.lowercased()
    guard !lowercase.isEmpty, lowercase.utf8.count <= 256, lowercase.utf8.allSatisfy(isTokenByte)
    else {
        throw HeaderFault(
            mark: name.mark,
            message: "'\(name.text)' is no name of a field",
            hint: name.text.hasSuffix(":") ? "leave out the colon" : nil
        )
    }
    if ownFields.contains(lowercase) {
        throw HeaderFault(
            mark: name.mark,
            message: "\(name.text) frames a message or belongs to one connection: the gateway "
                + "writes it itself"
        )
    }
    if lowercase == "host", !isRequest || operation != "set" {
        throw HeaderFault(
            mark: name.mark,
            message: "Host can only be set, and only in requests",
            hint: "write 'header request set Host …'"
        )
    }
}

/// Source: RFC 9110 §5.6.2, tchar.
func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
}
