import Addressing
import Bytes
import Configuration
import HTTP
import HTTP1
import TLS

/// Site, path and route, and why just these.
extension Explainer {
    /// Routes named beside the chosen one at most; more help nobody.
    private static var shownRoutes: Int { 8 }

    mutating func route() throws(Failure) {
        var failure: Failure?
        do throws(Failure) {
            try exchange.chooseRoute()
        } catch {
            failure = error
        }
        markNewRequestID()
        let table = configuration.listeners[listener.number].table
        guard let site = table.find(host: exchange.request.host) else {
            addMissingSite()
            addClient()
            throw failure ?? .refused(.unknownSite)
        }
        addSite(configuration.sites[site])
        if let failure, case .refused(.misdirected) = failure.reason {
            add("connection", misdirection)
            addClient()
            throw failure
        }
        addPath()
        if let failure, case .refused(.invalidPath) = failure.reason {
            addClient()
            throw failure
        }
        addRoute(in: configuration.sites[site])
        addClient()
        if let failure { throw failure }
    }

    /// Why the connection is not one for the site.
    private var misdirection: String {
        let name = exchange.connection.tls?.serverName ?? "no name"
        return "made for \(name): the site's certificates differ, or what it asks of the client's"
    }

    /// A random number would look like one that means something.
    private mutating func markNewRequestID() {
        if exchange.trustedRequestID() == nil {
            exchange.requestID = .kept(Array("<32 random hexadecimal digits>".utf8))
        }
    }

    // MARK: Site

    private var host: String { exchange.request.host.string() }

    private mutating func addMissingSite() {
        let names = configuration.listeners[listener.number].sites
            .flatMap { configuration.sites[$0].hosts }.map(\.description)
        let shown = names.prefix(Explainer.shownRoutes).joined(separator: ", ")
        let more = names.count > Explainer.shownRoutes ? ", …" : ""
        add("site", "none for '\(host)' on this listener: it has \(shown)\(more)")
    }

    private mutating func addSite(_ site: Site) {
        let host = host
        var reason = "by '*', which is for every host"
        var longest = -1
        for pattern in site.hosts {
            switch pattern {
            case .exact(host):
                reason = "by its full name"
                longest = .max
            case .below(let name) where host.hasSuffix("." + name) && name.utf8.count > longest:
                reason = "by '\(pattern)'"
                longest = name.utf8.count
            default: continue
            }
        }
        add(
            "site",
            "\(site.name), \(reason)",
            request.hasOwnHost ? "the Host field says '\(host)', whatever the URL says" : nil
        )
    }

    // MARK: Path

    private mutating func addPath() {
        var normalized: [UInt8] = []
        switch PathNormalization.normalize(exchange.request.path, into: &normalized) {
        case .unchanged:
            add("path", "\(exchange.request.path.string()), normal as it is")
        case .rewritten:
            add(
                "path",
                exchange.request.path.string(),
                "compared as \(normalized.span.string()), its normal form"
            )
        case .rejected(let fault):
            add("path", "\(exchange.request.path.string()) has no normal form: \(fault.name)")
        }
    }

    /// The path that routes are compared with.
    var comparedPath: [UInt8] {
        exchange.pathIsNormal ? exchange.request.path.bytes() : exchange.normalizedPath
    }

    // MARK: Route

    private mutating func addRoute(in site: Site) {
        let chosen = exchange.route?.route
        var lines: [String] = []
        if let chosen {
            let methods = chosen.methods.names
            let only = methods.isEmpty ? "" : ", for \(methods.joined(separator: ", "))"
            lines.append("\(chosen.name), \(reason(chosen.pattern))\(only)")
        } else {
            lines.append("none fits")
        }
        let path = comparedPath
        let method = MethodSet(exchange.request.method)
        var others: [String] = []
        for route in site.routes where route !== chosen {
            // A table of one route decides as the site's own does.
            let alone = RouteTable([(route.pattern, .all)])
            guard alone.find(path: path.span, method: method) != nil else { continue }
            if !route.methods.isSuperset(of: method) {
                let methods = route.methods.names.joined(separator: ", ")
                others.append("not \(route.name): it is for \(methods) only")
            } else {
                others.append("\(route.name) fits as well, and is less specific")
            }
        }
        lines += others.prefix(Explainer.shownRoutes)
        if others.count > Explainer.shownRoutes {
            lines.append("and \(others.count - Explainer.shownRoutes) more")
        }
        if others.isEmpty && chosen == nil {
            let names = site.routes.map(\.name)
            let shown = names.prefix(Explainer.shownRoutes).joined(separator: ", ")
            lines.append("the site has \(shown)\(names.count > Explainer.shownRoutes ? ", …" : "")")
        }
        add("route", lines)
    }

    private func reason(_ pattern: PathPattern) -> String {
        switch pattern {
        case .exact: "by the exact path"
        case .prefix: "by its prefix"
        case .any: "which takes every path"
        }
    }
}
