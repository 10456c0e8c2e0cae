extension Directive {
    static let errorPage = Directive(
        name: "error_page",
        contexts: [.top, .site, .route],
        repetition: .many,
        arguments: [
            Argument("STATUS", .status(400...599), .oneOrMore, "status codes of 400 to 599"),
            Argument(
                "FILE",
                .text,
                "read when the configuration is loaded; relative to the file that names it"
            ),
        ],
        summary: "A file in place of the gateway's own error pages.",
        help: """
            For responses that the gateway makes itself; what an application answers stays as it \
            is. Pages add up, and for one status the innermost counts. The media type follows the \
            extension: `.html`, `.json`, `.txt`, `.xml`, `.svg`.
            """,
        example: .top("error_page 502 503 504 errors/unavailable.html"),
        effect: .set { call, block in
            guard let file = call.arguments.last else { return }
            let name = call.report.files[file.mark.file].name
            let path = resolvedPath(file.text, from: name)
            let body: [UInt8]
            do throws(SourceAccess.Failure) {
                body = try call.access.read(path, SourceLimits.errorPageSize)
            } catch {
                switch error {
                case .unreadable(let reason):
                    call.error(file.mark, "'\(path)' cannot be read: \(reason)")
                case .tooLarge:
                    call.error(
                        file.mark,
                        "'\(path)' is larger than \(SourceLimits.errorPageSize >> 20) MiB"
                    )
                }
                return
            }
            let type = mediaType(path)
            for argument in call.arguments.dropLast() {
                guard let status = argument.number else { continue }
                if let first = block.errorPages.first(where: { $0.value.status == status }) {
                    call.error(
                        argument.mark,
                        "the status \(status) stands twice",
                        notes: [(first.mark, "it stands here first")]
                    )
                    continue
                }
                let page = ErrorPage(status: status, body: body, contentType: type)
                block.errorPages.append(Placed(value: page, mark: argument.mark))
            }
        }
    )
}

private func mediaType(_ path: String) -> String {
    let types = [
        (".html", "text/html; charset=utf-8"), (".htm", "text/html; charset=utf-8"),
        (".json", "application/problem+json"), (".xml", "application/xml"),
        (".svg", "image/svg+xml"),
    ]
    return types.first { path.lowercased().hasSuffix($0.0) }?.1 ?? "text/plain; charset=utf-8"
}
