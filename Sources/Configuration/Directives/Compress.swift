import HTTP

/// What a `compress` directive calls the codings.
private let codingNames: [(name: String, coding: ContentCoding)] = [
    ("br", .brotli), ("zstd", .zstd), ("gzip", .gzip), ("deflate", .deflate),
]

extension Directive {
    static let compress = Directive(
        name: "compress",
        contexts: [.top, .site, .route],
        arguments: [
            Argument(
                "CODING",
                .keyword(codingNames.map(\.name) + ["off"]),
                .any,
                "`br`, `zstd`, `gzip` or `deflate`, the one to prefer first; "
                    + "`zstd br gzip` unless named; or `off`"
            )
        ],
        options: [
            Option(
                "min",
                .size(0...(1 << 30)),
                default: Literals.text(size: Defaults.compressMinimum),
                "bytes below which content stays as it is"
            ),
            Option(
                "types",
                .text,
                default: "default",
                "media types with commas between: `text/html`, `text/*`, `+json`, `*`; "
                    + "`default` stands for the list below"
            ),
            Option(
                "level",
                .keyword(CompressionLevel.allCases.map(\.rawValue)),
                default: CompressionLevel.balanced.rawValue,
                "how hard it is tried"
            ),
            Option(
                "breach",
                .keyword(BreachMitigation.allCases.map(\.rawValue)),
                default: BreachMitigation.off.rawValue,
                "`skip_cookies` leaves what belongs to somebody alone, `pad` blurs sizes"
            ),
        ],
        fallback: "`off`",
        summary: "Compresses responses for clients that take it.",
        help: """
            The client's order counts first, then the one here: `zstd br gzip` unless named. \
            Content that is compressed already, is a part of something, or must not be \
            transformed goes out as it came; content in a coding that the client does not take \
            is decoded. What an application writes and then waits is sent at once. By default \
            text, JSON, XML, JavaScript, WebAssembly, SVG, manifests and fonts that are not packed \
            already are compressed: `\(Defaults.compressTypes.joined(separator: ","))`. \
            See [compression](compression.md).
            """,
        example: .site(
            """
            listen :80
            compress br zstd gzip min=1k
            proxy 127.0.0.1:5000
            """
        ),
        effect: .set { call, block in
            if isOff(call, from: 0) {
                block.compression = Placed(value: nil, mark: call.mark)
                return
            }
            var codings = readCodings(call, from: 0)
            if codings.isEmpty { codings = [.zstd, .brotli, .gzip] }
            let breach = BreachMitigation(rawValue: call.keyword("breach") ?? "") ?? .off
            if breach == .pad, let index = codings.firstIndex(of: .deflate) {
                call.error(
                    call.argument(index)?.mark,
                    "'deflate' has no room for padding",
                    hint: "leave it out: who takes it takes gzip as well"
                )
            }
            guard let types = readTypes(call) else { return }
            let policy = CompressionPolicy(
                rules: CodingRules(
                    codings: codings,
                    minimumLength: call.number("min") ?? Defaults.compressMinimum,
                    types: types
                ),
                level: CompressionLevel(rawValue: call.keyword("level") ?? "") ?? .balanced,
                breach: breach
            )
            block.compression = Placed(value: policy, mark: call.mark)
        }
    )

    static let decompress = Directive(
        name: "decompress",
        contexts: [.top, .site, .route],
        arguments: [
            Argument("request", .keyword(["request"]), "requests, not responses"),
            Argument(
                "CODING",
                .keyword(codingNames.map(\.name) + ["off"]),
                .any,
                "those that are taken off; all of them unless named; or `off`"
            ),
        ],
        options: [
            Option(
                "ratio",
                .count(2...100_000),
                default: "\(Defaults.decompressRatio)",
                "how many times as large as it came content may become; more gets 413"
            ),
            Option(
                "size",
                .size(1...(1 << 50)),
                "bytes of decoded content, more gets 413; as `limit body=` says unless given"
            ),
        ],
        fallback: "`off`",
        summary: "Decodes compressed requests for applications that cannot.",
        help: """
            A request with one of these content codings is taken in whole, decoded, and forwarded \
            without Content-Encoding and with its new length. What is no valid content of its \
            coding gets 400. Other codings are passed on as they are.
            """,
        example: .route(
            """
            decompress request gzip zstd ratio=50 size=20m
            proxy app
            """
        ),
        effect: .set { call, block in
            if isOff(call, from: 1) {
                block.decompression = Placed(value: nil, mark: call.mark)
                return
            }
            let codings = readCodings(call, from: 1)
            let decoding = RequestDecoding(
                codings: codings.isEmpty ? codingNames.map(\.coding) : codings,
                ratio: call.number("ratio") ?? Defaults.decompressRatio,
                size: call.number("size")
            )
            block.decompression = Placed(value: decoding, mark: call.mark)
        }
    )

    static let compressLimits = Directive(
        name: "compress_limits",
        contexts: [.top],
        options: [
            Option(
                "memory",
                .size((1 << 20)...(1 << 40)),
                default: Literals.text(size: Defaults.compressMemory),
                "bytes that the codecs of one event loop take at most"
            ),
            Option(
                "lag",
                .either(["off"], .duration(Literals.millisecond...Literals.minute)),
                default: Literals.text(duration: Defaults.compressLag),
                "how late a loop may be before it compresses less; `off` for never"
            ),
            Option(
                "dictionaries",
                .size((1 << 20)...(1 << 40)),
                default: Literals.text(size: Defaults.dictionaryMemory),
                "bytes that the dictionaries of `compress_dictionary` take at most, together"
            ),
        ],
        summary: "What compression may take of the machine.",
        help: """
            Past the memory, responses go out uncompressed. A loop whose turns take longer than \
            `lag` compresses at level `fast`, and at twice of that not at all, until it has \
            recovered. The metric `gateway_compression_skipped_total` counts both.
            """,
        example: .top("compress_limits memory=256m lag=50ms"),
        effect: .set { call, block in
            if call.options.isEmpty {
                call.error(nil, "expected an option", hint: "write \(call.directive.usageLine)")
            }
            let lag: Int64? =
                call.keyword("lag") == "off" ? nil : call.duration("lag") ?? Defaults.compressLag
            block.compressionSettings = CompressionSettings(
                memory: call.number("memory") ?? Defaults.compressMemory,
                lag: lag,
                dictionaries: call.number("dictionaries") ?? Defaults.dictionaryMemory
            )
        }
    )
}

/// Whether the arguments say `off`, which has to stand alone.
private func isOff(_ call: Call, from start: Int) -> Bool {
    let words = call.arguments.dropFirst(start)
    guard let off = words.first(where: { $0.text == "off" }) else { return false }
    let option = call.options.values.min { $0.mark.offset < $1.mark.offset }
    let other = words.first { $0.mark.offset != off.mark.offset } ?? option
    if let other { call.error(other.mark, "has no effect beside 'off'") }
    return true
}

/// The codings among the arguments, in their order.
private func readCodings(_ call: Call, from start: Int) -> [ContentCoding] {
    var codings: [ContentCoding] = []
    for argument in call.arguments.dropFirst(start) {
        guard let known = codingNames.first(where: { $0.name == argument.text }) else { continue }
        if codings.contains(known.coding) {
            call.error(argument.mark, "'\(known.name)' stands twice")
        } else {
            codings.append(known.coding)
        }
    }
    return codings
}

private func readTypes(_ call: Call) -> MediaTypeSet? {
    guard let option = call.options["types"] else { return MediaTypeSet(Defaults.compressTypes) }
    var patterns: [String] = []
    for part in option.text.split(separator: ",", omittingEmptySubsequences: false) {
        if part == "default" {
            patterns += Defaults.compressTypes
        } else if MediaTypeSet([String(part)]) != nil {
            patterns.append(String(part))
        } else {
            call.error(
                option.mark,
                "types: '\(part)' is no media type",
                hint: "write text/html, text/*, +json, * or default"
            )
            return nil
        }
    }
    return MediaTypeSet(patterns)
}
