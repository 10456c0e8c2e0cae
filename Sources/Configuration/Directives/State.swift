extension Directive {
    static let state = Directive(
        name: "state",
        contexts: [.top],
        arguments: [Argument("FOLDER", .text, "made when it is missing")],
        fallback: "`$STATE_DIRECTORY`, which systemd sets, else `/var/lib/gateway`",
        summary: "Where the gateway keeps what must outlive it.",
        help: """
            The local authority of `certificate internal` with its certificates in `internal`, and \
            fetched OCSP responses in `ocsp`. Only the gateway's user can read the keys.
            """,
        example: .top(
            """
            state /var/lib/gateway
            certificate internal
            site localhost { listen :8443 tls; proxy 127.0.0.1:5000 }
            """
        ),
        effect: .set { call, block in
            guard let folder = call.argument(0) else { return }
            if folder.text.isEmpty { call.error(folder.mark, "expected the path of a folder") }
            var path = call.path(folder)
            while path.count > 1, path.hasSuffix("/") { path.removeLast() }
            block.state = Placed(value: path, mark: call.mark)
        }
    )
}
