extension Directive {
    static let respond = Directive(
        name: "respond",
        contexts: [.site, .route],
        arguments: [
            Argument("STATUS", .status(200...599), "the status code"),
            Argument("BODY", .content, .optional, "the content; none without it"),
        ],
        options: [
            Option(
                "type",
                .text,
                default: "\"text/plain; charset=utf-8\"",
                "the content's media type"
            )
        ],
        summary: "Answers with a fixed response.",
        help: """
            The content is sent as it stands; `\\n` in a quoted string is a line break. 204, 205 \
            and 304 have no content.
            """,
        example: .route(#"respond 200 "ok\n""#),
        effect: .set { call, block in
            guard let status = call.argument(0)?.number else { return }
            let body = call.argument(1)
            if let body, [204, 205, 304].contains(status) {
                call.error(body.mark, "a response with status \(status) has no content")
            }
            let type = call.options["type"]
            if let type, body == nil {
                call.error(type.mark, "'type=' has no effect without content")
            }
            if let type, !type.text.contains("/") {
                call.error(
                    type.mark,
                    "type: expected a media type such as application/json",
                    hint: nil
                )
            }
            let response = FixedResponse(
                status: status,
                body: Array((body?.text ?? "").utf8),
                contentType: body == nil ? nil : type?.text ?? "text/plain; charset=utf-8"
            )
            setAction(.respond(response), call, block)
        }
    )
}
