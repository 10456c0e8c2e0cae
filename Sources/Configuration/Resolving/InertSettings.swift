import Addressing

/// Settings of a block that mean something only to requests that are forwarded, with their names.
private func forwardingSettings(_ block: Block) -> [(name: String, mark: Mark)] {
    var settings: [(name: String, mark: Mark)] = []
    if let rewrite = block.rewrites.first { settings.append(("rewrite", rewrite.mark)) }
    if let buffer = block.buffer { settings.append(("buffer", buffer.mark)) }
    if let cache = block.cache, cache.value != nil { settings.append(("cache", cache.mark)) }
    if let decompression = block.decompression, decompression.value != nil {
        settings.append(("decompress", decompression.mark))
    }
    if let dictionary = block.dictionary, dictionary.value != nil {
        settings.append(("compress_dictionary", dictionary.mark))
    }
    if let forwarded = block.forwarded { settings.append(("forwarded", forwarded.mark)) }
    if let header = block.headers.first(where: \.value.isRequest) {
        settings.append(("header request", header.mark))
    }
    if let cookies = block.cookies { settings.append(("cookies", cookies.mark)) }
    for name in ["connect", "response", "tunnel"] {
        if let timeout = block.timeouts[name] {
            settings.append(("timeout \(name)=", timeout.mark))
        }
    }
    return settings
}

/// Reports what has no effect in a route.
func checkInertRoute(
    _ block: Block,
    _ action: Placed<ActionDraft>,
    report: Report
) {
    if !action.value.forwards {
        for setting in forwardingSettings(block) {
            report.error(
                setting.mark,
                "\(setting.name): has no effect: the route forwards nothing",
                notes: [(action.mark, "it is answered here")]
            )
        }
    }
    if case .redirect = action.value, let compression = block.compression,
        compression.value != nil
    {
        report.error(
            compression.mark,
            "compress: has no effect: a redirection has no content",
            notes: [(action.mark, "it is answered here")]
        )
    }
    for rewrite in block.rewrites where !rewrite.value.from.meets(block.pattern) {
        report.error(
            rewrite.mark,
            "rewrite: has no effect: the route '\(block.pattern)' takes no path that fits "
                + "'\(rewrite.value.from)'"
        )
    }
}

/// Reports `compress_dictionary` where no response could be coded with one.
///
/// `isSecure`: Whether requests may come over https.
func checkInertDictionary(_ layers: [Block], isSecure: Bool, report: Report) {
    func innermost<Value>(_ setting: (Block) -> Placed<Value?>?) -> Placed<Value>? {
        guard let placed = layers.last(where: { setting($0) != nil }).flatMap(setting) else {
            return nil
        }
        return placed.value.map { Placed(value: $0, mark: placed.mark) }
    }
    // What stands outside may be meant for other routes.
    guard let placed = layers.last?.dictionary, placed.value != nil else { return }
    if innermost(\.compression) == nil {
        report.error(
            placed.mark,
            "compress_dictionary: has no effect: nothing is compressed here",
            hint: "write compress"
        )
    }
    if let cache = innermost(\.cache) {
        report.error(
            placed.mark,
            "compress_dictionary: has no effect: what is stored is coded without dictionaries",
            notes: [(cache.mark, "it is cached here")]
        )
    }
    if !isSecure {
        report.error(
            placed.mark,
            "compress_dictionary: has no effect: no request of the site is secure",
            hint: "let the site 'listen :443 tls', or name the proxies in 'trusted_proxies' "
                + "in front of which TLS ends"
        )
    }
}

/// Reports routes that can never be chosen, and what has no effect in a site.
func checkInertSite(_ site: Block, isSound: Bool, report: Report) {
    for (index, route) in site.routes.enumerated() {
        let first = site.routes[..<index].first { other in
            guard other.pattern == route.pattern else { return false }
            if (other.methods == .all) != (route.methods == .all) { return false }
            return !other.methods.isDisjoint(with: route.methods)
        }
        guard let first else { continue }
        report.error(
            route.mark,
            route.methods == .all
                ? "route: the pattern '\(route.pattern)' stands twice"
                : "route: the pattern '\(route.pattern)' stands twice for a method",
            hint: route.methods == .all ? nil : "GET takes HEAD with it",
            notes: [(first.mark, "it stands here first")]
        )
    }
    guard isSound else { return }
    if site.routes.isEmpty, site.action == nil {
        report.error(
            site.mark,
            "site: does nothing: expected a 'route', 'proxy', 'respond' or 'redirect'"
        )
        return
    }
    if let action = site.action, !RoutePlan.needsOwnRoute(site),
        site.routes.allSatisfy({ $0.action != nil })
    {
        report.error(
            action.mark,
            "\(action.value.directive): has no effect: every route has an action of its own"
        )
    }
    let actions = RoutePlan.plans(of: site).compactMap { $0.block?.action ?? site.action }
    guard !actions.contains(where: \.value.forwards), actions.count > 0 else { return }
    for setting in forwardingSettings(site) {
        report.error(
            setting.mark,
            "\(setting.name): has no effect: the site forwards nothing"
        )
    }
}

extension PathPattern {
    /// Whether there is a path that fits both.
    func meets(_ other: PathPattern) -> Bool {
        switch (self, other) {
        case (.any, _), (_, .any): true
        case (.exact(let left), .exact(let right)): left == right
        case (.exact(let path), .prefix(let prefix)), (.prefix(let prefix), .exact(let path)):
            path.hasPrefix(prefix) || path + "/" == prefix
        case (.prefix(let left), .prefix(let right)):
            left.hasPrefix(right) || right.hasPrefix(left)
        }
    }
}
