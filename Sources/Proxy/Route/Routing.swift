import Addressing
import Bytes
import Configuration
import EventLoop
import HTTP
import HTTP1

extension Exchange {
    /// Finds the site by the host and the route by path and method, and the client behind the peer.
    mutating func chooseRoute() throws(Failure) {
        let listener = try listenerNumber()
        guard let site = snapshot.listeners[listener].table.find(host: request.host) else {
            findClient(by: snapshot.topRule)
            throw .refused(connection.isSecure ? .misdirected : .unknownSite)
        }
        if connection.isSecure && !isDirected(to: site, on: listener) {
            findClient(by: snapshot.topRule)
            throw .refused(.misdirected)
        }
        // Moved out and back: normalising reads the request while it writes the path.
        var normalized: [UInt8] = []
        swap(&normalized, &normalizedPath)
        let outcome = PathNormalization.normalize(request.path, into: &normalized)
        swap(&normalized, &normalizedPath)
        switch outcome {
        case .unchanged: pathIsNormal = true
        case .rewritten: pathIsNormal = false
        case .rejected:
            let runtime = snapshot.sites[site]
            unrouted = runtime
            findClient(by: runtime.rule)
            throw .refused(.invalidPath)
        }
        let number =
            pathIsNormal
            ? snapshot.sites[site].table.find(path: request.path, method: request.method)
            : snapshot.sites[site].table.find(path: normalizedPath.span, method: request.method)
        guard let number else {
            let runtime = snapshot.sites[site]
            unrouted = runtime
            findClient(by: runtime.rule)
            throw noRoute(in: runtime.table)
        }
        let chosen = snapshot.routes[site][number]
        route = chosen
        findClient(by: chosen.rule)
    }

    /// Why there is no route: none for the path, or none for the method.
    ///
    /// Source: RFC 9110 §15.5.6.
    private mutating func noRoute(in table: RouteTable) -> Failure {
        let allowed =
            pathIsNormal
            ? table.methods(path: request.path) : table.methods(path: normalizedPath.span)
        if allowed.isEmpty { return .refused(.noRoute) }
        var failure = Failure.refused(.methodNotAllowed)
        failure.allowed = allowed
        return failure
    }

    /// Which of the snapshot's listeners the connection came in by.
    private mutating func listenerNumber() throws(Failure) -> Int {
        if connection.listenerGeneration == snapshot.generation { return connection.listenerNumber }
        // The listener is gone since a reload: its connections meet nobody's sites.
        guard let number = snapshot.number(of: connection.listener) else {
            throw .refused(.unknownSite)
        }
        connection.listenerGeneration = snapshot.generation
        connection.listenerNumber = number
        return number
    }

    /// Finds the client by the route's rule, from right to left over trusted proxies only.
    private mutating func findClient(by rule: ClientAddressRule) {
        var client = rule.start(peer: connection.peer, header: connection.proxyHeader)
        let name: FieldName = rule.source == .forwarded ? .forwarded : .xForwardedFor
        if client.wantsField && request.fields.contains(name) {
            var index = request.fields.count
            while index > 0 && client.wantsField {
                index -= 1
                if request.fields.known(at: index) == name {
                    rule.read(request.fields.value(at: index), into: &client)
                }
            }
        }
        self.client = client
        request.fields.removeImpostors(isTrusted: client.peerIsTrusted)
        if !client.peerIsTrusted {
            context.forwardedWarning.note(
                peer: client.peer,
                claims: request.fields.contains(.xForwardedFor)
            )
        }
        findScheme()
        makeRequestID()
    }

    /// The scheme that the client used, as far as trusted proxies tell.
    private mutating func findScheme() {
        scheme = connection.isSecure ? .https : .http
        guard client.peerIsTrusted else { return }
        if let told = client.scheme {
            scheme = told
        } else if let index = request.fields.first(.xForwardedProto),
            let told = ForwardedScheme(request.fields.value(at: index))
        {
            scheme = told
        }
    }

    /// Keeps the request id of a trusted peer, else makes one of 128 random bits.
    mutating func makeRequestID() {
        if let kept = trustedRequestID() {
            requestID = .kept(kept)
        } else {
            requestID = .made(context.reactor.random.next(), context.reactor.random.next())
        }
    }

    mutating func trustedRequestID() -> [UInt8]? {
        guard client.peerIsTrusted, let index = request.fields.first(.xRequestID) else {
            return nil
        }
        let value = request.fields.value(at: index)
        guard value.count <= ProxyLimits.requestIDBytes, !value.isEmpty, Characters.isToken(value)
        else { return nil }
        return value.bytes()
    }
}
