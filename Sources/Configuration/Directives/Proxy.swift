import Addressing

extension Directive {
    static let proxy = Directive(
        name: "proxy",
        contexts: [.site, .route],
        arguments: [
            Argument(
                "TARGET",
                .text,
                "the name of an `upstream`, an address, a `unix:` socket, `http://HOST:PORT` "
                    + "or `https://HOST:PORT`"
            )
        ],
        summary: "Forwards requests to an upstream.",
        help: """
            An address stands for an upstream with that one server and every default. For several \
            servers, weights or health checks, declare an `upstream` and name it here.

            A block has one action: `proxy`, `respond` or `redirect`.
            """,
        example: .route("proxy 127.0.0.1:5000"),
        effect: .set { call, block in
            guard let target = call.argument(0) else { return }
            do throws(ValueError) {
                setAction(try proxyTarget(target.text), call, block)
            } catch {
                block.isDamaged = true
                call.error(target.mark, error.message, hint: error.hint)
            }
        }
    )
}

/// Notes a block's action, of which there may be one.
func setAction(_ action: ActionDraft, _ call: Call, _ block: Block) {
    if let first = block.action {
        call.error(
            nil,
            "a block has one action",
            notes: [(first.mark, "the first one stands here")]
        )
        return
    }
    block.action = Placed(value: action, mark: call.argument(0)?.mark ?? call.mark)
}

/// What `proxy` was given: an upstream's name holds no colon and no slash, everything else does.
private func proxyTarget(_ text: String) throws(ValueError) -> ActionDraft {
    var address = text
    var defaultPort: UInt16?
    let isSecure = text.hasPrefix("https://")
    if isSecure || text.hasPrefix("http://") {
        address = String(text.dropFirst(isSecure ? "https://".count : "http://".count))
        if address.hasSuffix("/") { address.removeLast() }
        if address.contains("/") {
            throw ValueError(
                "'\(text)' has a path",
                hint: "use 'rewrite' or 'strip_prefix' to change paths"
            )
        }
        defaultPort = isSecure ? 443 : 80
    } else if !text.contains(":"), !text.contains("/") {
        return .proxyName(text)
    } else if text.hasPrefix("/") {
        throw ValueError("'\(text)' is a path", hint: "did you mean 'unix:\(text)'?")
    }
    do throws(AddressError) {
        return .proxyEndpoint(
            try Endpoint(address, defaultPort: defaultPort),
            isSecure: isSecure
        )
    } catch {
        throw ValueError("\(error)")
    }
}
