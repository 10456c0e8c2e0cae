extension Directive {
    static let eject = Directive(
        name: "eject",
        contexts: [.upstream],
        options: [
            Option("off", .flag, "a server is never set aside"),
            Option("fails", .count(1...1000), default: "3", "failures in a row"),
            Option(
                "time",
                .duration(Bounds.duration),
                default: "1s",
                "how long the first time; each time after that twice as long"
            ),
            Option("max", .duration(Bounds.duration), default: "60s", "how long at most"),
        ],
        fallback: "`eject fails=3 time=1s max=60s`",
        summary: "When a server that fails requests is set aside.",
        help: """
            Failures are connections that cannot be made or that break, and responses that are \
            malformed or do not come in time; a status such as 500 is an answer.
            """,
        example: .upstream(
            """
            server 10.0.0.5:8000
            eject fails=5 time=2s max=5m
            """
        ),
        effect: .set { call, block in
            let others = ["fails", "time", "max"].compactMap { call.options[$0] }
            if call.has("off") {
                if let other = others.first { call.error(other.mark, "has no effect beside 'off'") }
                block.ejection = Placed(value: nil, mark: call.mark)
                return
            }
            if others.isEmpty {
                call.error(
                    nil,
                    "expected 'off' or an option",
                    hint: "write \(call.directive.usageLine)"
                )
            }
            let time = call.duration("time") ?? Defaults.ejection.time
            let maximum = call.duration("max") ?? max(time, Defaults.ejection.maximum)
            if maximum < time, let option = call.options["max"] ?? call.options["time"] {
                call.error(option.mark, "'max=' is shorter than 'time='")
            }
            let ejection = Ejection(
                fails: call.number("fails") ?? Defaults.ejection.fails,
                time: time,
                maximum: maximum
            )
            block.ejection = Placed(value: ejection, mark: call.mark)
        }
    )
}
