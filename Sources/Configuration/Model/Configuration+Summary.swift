extension Configuration {
    /// What `gateway check` says of a good configuration: listeners, sites with their routes, and
    /// upstreams, a line for each.
    public var summary: [String] {
        var lines: [String] = []
        for listener in listeners {
            let names = listener.sites.map { sites[$0].name }.joined(separator: " ")
            lines.append(
                "listen \(listener.address)"
                    + (listener.proxyProtocol ? " proxy_protocol" : "")
                    + (listener.isSecure ? " tls" : "") + ": \(names)"
            )
        }
        for site in sites {
            lines.append("site \(site.hosts.map(\.description).joined(separator: " "))")
            for route in site.routes {
                let methods = route.methods.names.joined(separator: ",")
                lines.append(
                    "  route \(route.name)" + (methods.isEmpty ? "" : " method=\(methods)")
                        + " → \(summary(of: route.action))"
                )
            }
        }
        for upstream in upstreams {
            let servers = upstream.servers
                .map { "\($0.endpoint)" + ($0.isSecure ? " tls" : "") }
                .joined(separator: " ")
            lines.append("upstream \(upstream.name): \(servers)")
            if let tls = upstream.tls { lines.append("  \(tls.summary)") }
        }
        if let metrics { lines.append("metrics \(metrics)") }
        return lines
    }

    private func summary(of action: Action) -> String {
        switch action {
        case .proxy(let upstream): "proxy \(upstreams[upstream].name)"
        case .respond(let response): "respond \(response.status)"
        case .redirect(let redirection): "redirect \(redirection.status)"
        }
    }
}
