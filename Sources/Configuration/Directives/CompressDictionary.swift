import HTTP

/// What a request may be for, in Fetch's words.
private let destinations = [
    "audio", "audioworklet", "document", "embed", "font", "frame", "iframe", "image", "json",
    "manifest", "object", "paintworklet", "report", "script", "serviceworker", "sharedworker",
    "style", "track", "video", "webidentity", "worker", "xslt",
]

extension Directive {
    static let compressDictionary = Directive(
        name: "compress_dictionary",
        contexts: [.site, .route],
        arguments: [
            Argument(
                "PATTERN",
                .either(["off"], .text),
                .optional,
                "a URL pattern, `/assets/app.*.js`: contents become dictionaries for requests "
                    + "that fit it; without it only what the application says of itself; or `off`"
            )
        ],
        options: [
            Option(
                "dest",
                .text,
                "what such requests are for, with commas between: `script`, `style`, `document`; "
                    + "anything unless given"
            ),
            Option(
                "max",
                .size(Defaults.dictionarySizes),
                default: Literals.text(size: Defaults.dictionarySize),
                "bytes of the largest content that becomes a dictionary"
            ),
        ],
        fallback: "`off`",
        summary: "Sends what changed since the version that the client has.",
        help: """
            For static content that changes a little: a client that keeps an earlier version gets \
            the next one coded with that as its dictionary (`dcz`, RFC 9842), often as a hundredth \
            of its bytes. Contents that say `Use-As-Dictionary`, or are given it here, are kept in \
            memory, as much as `compress_limits dictionaries=` says. Only over https, and only \
            what is everybody's: see [compression](compression.md). Needs `compress`.
            """,
        example: .site(
            """
            listen :443 tls
            certificate internal
            compress
            compress_dictionary /assets/app.*.js dest=script max=2m
            proxy 127.0.0.1:5000
            """
        ),
        effect: .set { call, block in
            let pattern = call.argument(0)
            if let pattern, pattern.keyword == "off" {
                if let option = call.options.values.min(by: { $0.mark.offset < $1.mark.offset }) {
                    call.error(option.mark, "has no effect beside 'off'")
                }
                block.dictionary = Placed(value: nil, mark: call.mark)
                return
            }
            if let pattern { checkPattern(pattern, call) }
            let words = readDestinations(call)
            if let dest = call.options["dest"], pattern == nil {
                call.error(
                    dest.mark,
                    "dest: has no effect without a pattern",
                    hint: "the application says it itself, in match-dest="
                )
            }
            let policy = DictionaryPolicy(
                advice: pattern.map { advice($0.text, words) },
                largest: call.number("max") ?? Defaults.dictionarySize
            )
            block.dictionary = Placed(value: policy, mark: call.mark)
        }
    )
}

/// Reports what no client would take for a pattern of its own site.
private func checkPattern(_ pattern: Parsed, _ call: Call) {
    let bytes = Array(pattern.text.utf8)
    if bytes.first != UInt8(ascii: "/") {
        call.error(
            pattern.mark,
            "expected a URL pattern that begins with '/', found '\(pattern.text)'",
            hint: "patterns are for the same site: /assets/app.*.js"
        )
    } else if DictionaryAdvice.hasGroup(bytes.span) {
        call.error(
            pattern.mark,
            "a pattern with a regular expression is used by no client",
            hint: "write * for any part: /assets/app.*.js"
        )
    } else if bytes.contains(where: { $0 <= 0x20 || $0 >= 0x7F }) {
        call.error(
            pattern.mark,
            "a pattern is compared with the path as it is sent",
            hint: "write other characters percent-encoded: /d%C3%BCsseldorf"
        )
    }
}

private func readDestinations(_ call: Call) -> [String] {
    guard let option = call.options["dest"] else { return [] }
    let words = option.text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for word in words where !destinations.contains(word) {
        call.error(
            option.mark,
            "dest: '\(word)' is no destination of requests",
            hint: suggestion(for: word, among: destinations)
                ?? "such as script, style, document or font"
        )
    }
    return words
}

/// The value of the field: RFC 9842 §2.1.
private func advice(_ pattern: String, _ destinations: [String]) -> [UInt8] {
    let match = pattern.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    var text = "match=\"\(match)\""
    if !destinations.isEmpty {
        text += ", match-dest=(\(destinations.map { "\"\($0)\"" }.joined(separator: " ")))"
    }
    return Array(text.utf8)
}
