import Addressing
import Configuration
import HTTP
import Limiting

/// The model as text, for golden files: what differs from a plain setting is what a case is about,
/// so that much is left out which a case would only repeat.
func dump(_ configuration: Configuration) -> String {
    var lines = configuration.summary
    let connection = configuration.connection
    lines.append(
        "connection header=\(milliseconds(connection.headerTimeout)) "
            + "idle=\(milliseconds(connection.idleTimeout)) size=\(connection.headerSize) "
            + "count=\(connection.headerCount) target=\(connection.targetSize) "
            + "connections=\(connection.connections.map { "\($0)" } ?? "off")"
    )
    for listener in configuration.listeners {
        if !listener.defers { lines.append("accepted at once: \(listener.address)") }
        guard let mode = listener.mode else { continue }
        lines.append("mode \(String(mode, radix: 8)) of \(listener.address)")
    }
    if let token = configuration.controlToken {
        lines.append("control_token of \(token.count) bytes")
    }
    lines.append(
        "process workers=\(configuration.workers) "
            + "drain=\(milliseconds(configuration.drainTimeout)) "
            + "log=\(configuration.log.level.rawValue),\(configuration.log.format.rawValue)"
    )
    if let redis = configuration.redis { lines.append(dump(redis)) }
    if let sharing = configuration.cacheSharing {
        lines.append(
            "cache_shared timeout=\(milliseconds(sharing.timeout)) "
                + "object_size=\(sharing.objectSize) write_buffer=\(sharing.writeBuffer) "
                + "prefix=\(sharing.prefix)"
        )
    }
    let compression = configuration.compression
    if compression.memory != 64 << 20 || compression.lag != 25_000_000
        || compression.dictionaries != 64 << 20
    {
        lines.append(
            "compress_limits memory=\(compression.memory) "
                + "lag=\(compression.lag.map(milliseconds) ?? "off") "
                + "dictionaries=\(compression.dictionaries)"
        )
    }
    if let disk = configuration.cache?.disk {
        lines.append(
            "cache_path \(disk.path) size=\(disk.size) object_size=\(disk.objectSize) "
                + "timeout=\(milliseconds(disk.timeout))"
        )
    }
    for (number, log) in configuration.accessLogs.enumerated() {
        lines.append("access_log \(number): \(log.destination) \(log.format.rawValue)")
    }
    if configuration.listeners.contains(where: \.isSecure) {
        lines.append("tls \(dump(configuration.tls))")
    }
    for site in configuration.sites {
        if let tls = site.tls { lines.append("tls of \(site.name): \(dump(tls))") }
        lines.append("policy of \(site.name): \(dump(site.policy))")
        for route in site.routes {
            lines.append("policy of \(site.name) \(route.name): \(dump(route.policy))")
            for rule in route.rewriting.rules {
                lines.append(
                    "  rewrite \(rule.from) → \(String(decoding: rule.replacement, as: UTF8.self))"
                )
            }
            switch route.action {
            case .respond(let response):
                lines.append(
                    "  content \(String(decoding: response.body, as: UTF8.self).debugDescription) "
                        + "type \(response.contentType ?? "none")"
                )
            case .redirect(let redirection): lines.append("  target \(dump(redirection.target))")
            case .proxy: break
            }
        }
    }
    lines += configuration.upstreams.flatMap(dump)
    return lines.joined(separator: "\n") + "\n"
}

private func dump(_ redis: RedisPolicy) -> String {
    let servers = redis.servers.map(\.description).joined(separator: ",")
    var line =
        "redis \(servers) user=\(redis.user) password=\(redis.password) "
        + "database=\(redis.database) timeout=\(milliseconds(redis.timeout)) "
        + "sync=\(redis.sync.rawValue) failing=\(redis.failing.rawValue) prefix=\(redis.prefix)"
    if let sentinel = redis.sentinel {
        line += " sentinel=\(sentinel.master),\(sentinel.password)"
    }
    if let tls = redis.tls {
        line +=
            " tls ca=\(tls.authorities) name=\(tls.name ?? "-") "
            + "certificate=\(tls.certificate?.chain ?? "-"),\(tls.certificate?.key ?? "-") "
            + "verify=\(tls.isVerified)"
    }
    return line
}

/// What differs from the defaults, which the file `example-smallest` is about.
private func dump(_ policy: Policy) -> String {
    let times = policy.timeouts
    let waits: [(name: String, value: Int64, fallback: Int64)] = [
        ("body", times.body, 30_000), ("idle", times.idle, 60_000), ("send", times.send, 30_000),
        ("connect", times.connect, 2000), ("response", times.response, 60_000),
        ("upstream_send", times.upstreamSend, 30_000), ("tunnel", times.tunnel, 3_600_000),
    ]
    var parts = waits.filter { $0.value != $0.fallback * 1_000_000 }
        .map { "\($0.name)=\(milliseconds($0.value))" }
    if policy.bodyLimit != 10 << 20 {
        parts.append("limit=\(policy.bodyLimit.map { "\($0)" } ?? "off")")
    }
    parts.append("log=\(policy.accessLog.map { "\($0)" } ?? "off")")
    parts.append("client=\(policy.clientAddress.source.rawValue)")
    if !policy.clientAddress.trusted.isEmpty || policy.clientAddress.trustsUnix {
        let networks = policy.clientAddress.trusted.networks.map(\.description)
        let unix = policy.clientAddress.trustsUnix ? ["unix"] : []
        parts.append("trusted=\((networks + unix).joined(separator: ","))")
    }
    if policy.sendsForwarded { parts.append("forwarded") }
    if policy.buffering.isOn {
        parts.append("buffer=\(policy.buffering.memory),\(policy.buffering.directory)")
    }
    if let compression = policy.compression {
        let rules = compression.rules
        let names = rules.codings.map { "\($0.name)" }.joined(separator: ",")
        if let dictionaries = policy.dictionaries {
            let advice = dictionaries.advice.map { String(decoding: $0, as: UTF8.self) }
            parts.append("dictionaries=\(advice ?? "own"),\(dictionaries.largest)")
        }
        parts.append(
            "compress=\(names),\(rules.minimumLength),\(compression.level.rawValue),"
                + compression.breach.rawValue
        )
    }
    if let decoding = policy.requestDecoding {
        let names = decoding.codings.map { "\($0.name)" }.joined(separator: ",")
        parts.append(
            "decompress=\(names),\(decoding.ratio),\(decoding.size.map { "\($0)" } ?? "limit")"
        )
    }
    if let access = policy.access {
        parts.append("others=\(access.allowsOthers) unix=\(access.allowsUnix)")
    }
    if let https = policy.https { parts.append("\n  https \(dump(https))") }
    parts += policy.requestHeaders.map { "\n  request \(dump($0))" }
    parts += policy.responseHeaders.map { "\n  response \(dump($0))" }
    parts += policy.errorPages.map {
        "\n  error_page \($0.status) \($0.contentType) \($0.body.count) bytes"
    }
    parts += policy.limits.rates.map { "\n  rate_limit \(dump($0))" }
    parts += policy.limits.concurrency.map {
        "\n  concurrency_limit '\($0.name)' in '\($0.scope)' \($0.limit) queue=\($0.queue) "
            + "wait=\(milliseconds($0.wait)) key=\($0.key.description)"
    }
    if let bandwidth = policy.limits.bandwidth {
        parts.append("\n  bandwidth_limit \(bandwidth.rate) after=\(bandwidth.after)")
    }
    if policy.limits.fields != .standard {
        parts.append("ratelimit_headers=\(policy.limits.fields.rawValue)")
    }
    return parts.joined(separator: " ").replacing(" \n", with: "\n")
}

private func dump(_ limit: RateLimit) -> String {
    var text = "'\(limit.name)' in '\(limit.scope)' \(limit.description) cost=\(limit.cost)"
    if limit.key.missing != .clientAddress { text += " missing=\(limit.key.missing.rawValue)" }
    if (limit.key.ipv4Prefix, limit.key.ipv6Prefix) != (32, 64) {
        text += " prefixes=\(limit.key.ipv4Prefix),\(limit.key.ipv6Prefix)"
    }
    if !limit.counted.isEmpty { text += " count=\(limit.counted)" }
    if limit.methods != .all { text += " methods=\(limit.methods.names.joined(separator: ","))" }
    if limit.observes { text += " observe" }
    if !limit.allowed.isEmpty {
        text += " allow=\(limit.allowed.networks.map(\.description).joined(separator: ","))"
    }
    if limit.status != 429 { text += " status=\(limit.status)" }
    if let keys = limit.capacity { text += " keys=\(keys)" }
    for override in limit.overrides {
        let rate = override.rate.map { "\(Configuration.text(rate: $0)) burst=\($0.burst)" }
        text += " [\(override.values.joined(separator: "+")): \(rate ?? "off")]"
    }
    return text
}

private func dump(_ rule: HeaderRule) -> String {
    switch rule.operation {
    case .set(let template): "set \(rule.name) \(dump(template))"
    case .add(let template): "add \(rule.name) \(dump(template))"
    case .remove: "remove \(rule.name)"
    }
}

private func dump(_ template: Template) -> String {
    template.segments.map { segment in
        switch segment {
        case .literal(let bytes): "'\(String(decoding: bytes, as: UTF8.self))'"
        case .variable(let variable): "<\(variable.rawValue)>"
        }
    }.joined(separator: " ")
}

private func dump(_ upstream: Upstream) -> [String] {
    var lines = [
        "upstream \(upstream.name): \(upstream.balance) attempts=\(upstream.attempts) "
            + "profile=\(upstream.profile.rawValue) length=\(upstream.needsContentLength) "
            + "connect=\(milliseconds(upstream.connectTimeout))"
            + (upstream.adaptsConcurrency ? " concurrency=auto" : "")
    ]
    if let keep = upstream.keepAlive {
        lines.append(
            "  keepalive \(keep.connections) idle=\(milliseconds(keep.idle)) "
                + "requests=\(keep.requests.map { "\($0)" } ?? "any")"
        )
    }
    if let check = upstream.healthCheck {
        lines.append(
            "  health_check \(check.path) every=\(milliseconds(check.interval)) "
                + "timeout=\(milliseconds(check.timeout)) passes=\(check.passes) "
                + "fails=\(check.fails) expect=\(check.expected) host=\(check.host ?? "own")"
        )
    }
    if let eject = upstream.ejection {
        lines.append(
            "  eject \(eject.fails) time=\(milliseconds(eject.time)) "
                + "max=\(milliseconds(eject.maximum))"
        )
    }
    for server in upstream.servers {
        lines.append(
            "  server \(server.endpoint) weight=\(server.weight)"
                + (server.maximumConnections.map { " max=\($0)" } ?? "")
                + (server.isBackup ? " backup" : "") + (server.isDown ? " down" : "")
                + (server.isSecure ? " tls" : "")
        )
    }
    if let tls = upstream.tls { lines.append("  tls \(dump(tls))") }
    return lines
}

func milliseconds(_ nanoseconds: Int64) -> String { "\(nanoseconds / 1_000_000)ms" }

private func dump(_ https: HTTPSPolicy) -> String {
    var parts: [String] = []
    if let redirection = https.redirection {
        let port = redirection.port.map { ":\($0)" } ?? ""
        parts.append("redirect=\(redirection.host ?? "")\(port)")
    }
    if let strict = https.strictTransport { parts.append("hsts=\(strict.value)") }
    if let directory = https.acmeDirectory { parts.append("acme=\(directory)") }
    if https.cookies.isSecure { parts.append("secure") }
    if https.cookies.isHTTPOnly { parts.append("httponly") }
    if let sameSite = https.cookies.sameSite { parts.append("samesite=\(sameSite.rawValue)") }
    return parts.joined(separator: " ")
}
