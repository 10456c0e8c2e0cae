extension Directive {
    static let accessLog = Directive(
        name: "access_log",
        contexts: [.top, .site],
        arguments: [
            Argument(
                "PATH",
                .either(["stdout", "stderr", "off"], .text),
                "a file, `stdout`, `stderr`, or `off`"
            )
        ],
        options: [
            Option(
                "format",
                .keyword(AccessLog.Format.allCases.map(\.rawValue)),
                default: "combined",
                "how a line looks"
            )
        ],
        fallback: "`stdout format=combined`",
        summary: "Where requests are logged.",
        help: """
            Lines are written in batches, off the path of a request; a full disk loses lines and \
            counts them. SIGUSR1 opens the files again after they were renamed.
            """,
        example: .top("access_log /var/log/gateway/access.log format=json"),
        effect: .set { call, block in
            guard let target = call.argument(0) else { return }
            let destination: AccessLog.Destination
            switch target.keyword {
            case "stdout": destination = .standardOutput
            case "stderr": destination = .standardError
            case "off":
                if let format = call.options["format"] {
                    call.error(format.mark, "has no effect beside 'off'")
                }
                block.accessLog = Placed(value: nil, mark: call.mark)
                return
            default: destination = .file(target.text)
            }
            if target.text.isEmpty || target.text.hasSuffix("/") {
                call.error(target.mark, "'\(target.text)' is no path of a file")
            }
            let format = call.keyword("format").flatMap(AccessLog.Format.init) ?? .combined
            block.accessLog = Placed(
                value: AccessLog(destination: destination, format: format),
                mark: call.mark
            )
        }
    )

    static let log = Directive(
        name: "log",
        contexts: [.top],
        options: [
            Option(
                "level",
                .keyword(OperationalLog.Level.allCases.map(\.rawValue)),
                default: "info",
                "the least level that is written"
            ),
            Option(
                "format",
                .keyword(OperationalLog.Format.allCases.map(\.rawValue)),
                default: "text",
                "how a line looks"
            ),
        ],
        fallback: "`log level=info format=text`",
        summary: "The gateway's own log.",
        help: """
            What the gateway does and notices; requests are in the `access_log`.
            """,
        example: .top("log level=notice format=json"),
        effect: .set { call, block in
            if call.options.isEmpty {
                call.error(nil, "expected an option", hint: "write \(call.directive.usageLine)")
            }
            block.log = OperationalLog(
                level: call.keyword("level").flatMap(OperationalLog.Level.init) ?? .info,
                format: call.keyword("format").flatMap(OperationalLog.Format.init) ?? .text
            )
        }
    )
}
