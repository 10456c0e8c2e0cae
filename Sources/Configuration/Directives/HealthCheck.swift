extension Directive {
    static let healthCheck = Directive(
        name: "health_check",
        contexts: [.upstream],
        arguments: [Argument("PATH", .text, "the path to ask for, with a query if need be")],
        options: [
            Option(
                "every",
                .duration((100 * Literals.millisecond)...Literals.day),
                default: "5s",
                "from one check to the next"
            ),
            Option(
                "timeout",
                .duration(Literals.millisecond...Literals.hour),
                default: "2s",
                "for the whole check"
            ),
            Option(
                "passes",
                .count(1...100),
                default: "2",
                "good answers in a row that bring a server back"
            ),
            Option(
                "fails",
                .count(1...100),
                default: "2",
                "bad ones in a row that take it out"
            ),
            Option("expect", .statuses, default: "200-399", "the statuses that are good"),
            Option("host", .text, "the Host field; without it, the server's address"),
        ],
        summary: "Asks the servers whether they are well.",
        help: """
            A GET request every so often to every server. One that is not well gets no requests \
            until it is again.
            """,
        example: .upstream(
            """
            server 10.0.0.5:8000
            health_check /healthz every=2s timeout=1s expect=200,204 host=app.example.com
            """
        ),
        effect: .set { call, block in
            guard let path = call.argument(0) else { return }
            guard path.text.hasPrefix("/"),
                !path.text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F || $0 == 0x23 })
            else {
                call.error(path.mark, "expected a path that begins with '/', found '\(path.text)'")
                return
            }
            let interval = call.duration("every") ?? 5 * Literals.second
            let timeout = call.duration("timeout") ?? min(interval, 2 * Literals.second)
            if timeout > interval, let option = call.options["timeout"] {
                call.error(option.mark, "'timeout=' is longer than 'every='")
            }
            var expected = [200...399]
            if case .statuses(let statuses)? = call.options["expect"]?.value { expected = statuses }
            if let host = call.options["host"],
                host.text.isEmpty || host.text.utf8.contains(where: { $0 <= 0x20 || $0 >= 0x7F })
            {
                call.error(host.mark, "host: '\(host.text)' is no host")
            }
            block.healthCheck = HealthCheck(
                path: path.text,
                host: call.options["host"]?.text,
                interval: interval,
                timeout: timeout,
                passes: call.number("passes") ?? 2,
                fails: call.number("fails") ?? 2,
                expected: expected
            )
        }
    )
}
