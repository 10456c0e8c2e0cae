import Addressing

extension Directive {
    static let listen = Directive(
        name: "listen",
        contexts: [.top, .site],
        repetition: .many,
        arguments: [
            Argument(
                "ADDRESS",
                .listenAddress,
                .oneOrMore,
                "`:8080` for every address of the machine, `127.0.0.1:8080`, `[::1]:80`, or "
                    + "`unix:/run/gateway.sock`"
            )
        ],
        options: [
            Option(
                "proxy_protocol",
                .flag,
                "every connection begins with a PROXY protocol preamble, version 1 or 2"
            ),
            Option("tls", .flag, "connections are encrypted; needs a `certificate`"),
            Option(
                "defer",
                .keyword(["on", "off"]),
                default: "on",
                "whether a connection over TCP is accepted only when its first bytes are there, or "
                    + "a second later without any"
            ),
            Option(
                "mode",
                .text,
                default: "0666",
                "who may connect to a unix socket, in octal: `0660` for owner and group"
            ),
        ],
        summary: "Addresses to take connections on.",
        help: """
            At the top, for all sites that have no `listen` of their own. Sites on one address are \
            chosen by the request's host.

            With `proxy_protocol` a connection without a preamble is refused, so all sites on one \
            address must agree about it; so they must about `tls`.
            """,
        example: .site(
            """
            listen :8080
            listen 127.0.0.1:8081 proxy_protocol
            proxy app
            """
        ),
        effect: .set { call, block in
            let mode = socketMode(call)
            checkDeferral(call)
            for argument in call.arguments {
                guard case .listenAddress(let address) = argument.value else { continue }
                if let first = block.listens.first(where: { $0.value.address == address }) {
                    call.error(
                        argument.mark,
                        "the address \(address) stands twice",
                        notes: [(first.mark, "it stands here first")]
                    )
                    continue
                }
                let draft = ListenDraft(
                    address: address,
                    proxyProtocol: call.has("proxy_protocol"),
                    isSecure: call.has("tls"),
                    mode: mode,
                    defers: call.keyword("defer") != "off" || !hasPort(address)
                )
                block.listens.append(Placed(value: draft, mark: argument.mark))
            }
        }
    )
}

/// Reports a `defer=` without effect.
private func checkDeferral(_ call: Call) {
    guard let option = call.options["defer"] else { return }
    let isOfUse = call.arguments.contains {
        if case .listenAddress(let address) = $0.value { hasPort(address) } else { false }
    }
    if !isOfUse {
        call.error(option.mark, "'defer=' has no effect: it is for addresses with a port")
    }
}

private func hasPort(_ address: SocketAddress) -> Bool {
    if case .ip = address { true } else { false }
}

/// The permissions of unix sockets, if they are named; reports what is wrong with `mode=`.
private func socketMode(_ call: Call) -> UInt16? {
    guard let option = call.options["mode"] else { return nil }
    let isUnix = call.arguments.contains {
        // An abstract socket is no file.
        guard case .listenAddress(let address) = $0.value, case .unix(let path) = address else {
            return false
        }
        return !path.hasPrefix("@")
    }
    if !isUnix {
        call.error(option.mark, "'mode=' has no effect: it is for unix sockets with a path")
    }
    guard (3...4).contains(option.text.utf8.count), let mode = UInt16(option.text, radix: 8),
        mode <= 0o777
    else {
        call.error(
            option.mark,
            "mode: expected octal digits such as 0660, found '\(option.text)'"
        )
        return nil
    }
    return mode
}
