import Bytes
import Configuration
import HTTP
import TLS

/// Whether a TLS connection was made for the site that a request on it names.
extension Exchange {
    /// Whether this connection may carry requests for a site.
    ///
    /// A client may send requests for several sites over one connection where the handshake would
    /// have been the same for all of them: the same certificates, the same demands on the client's
    /// own. Anything else would let a client that shows a certificate for one site, or none, into
    /// another.
    ///
    /// Source: RFC 9110 §7.4, §15.5.20.
    mutating func isDirected(to site: Int, on listener: Int) -> Bool {
        guard let tls = connection.tls else { return true }
        if connection.directedGeneration == snapshot.generation, connection.directedSite == site {
            return true
        }
        guard let wanted = snapshot.configuration.sites[site].tls,
            let shown = snapshot.listeners[listener].site(forServerName: tls.serverName),
            shown == site || snapshot.configuration.sites[shown].tls == wanted
        else { return false }
        // Asked for since a reload, of clients that connected before it.
        if wanted.clientCertificates?.isRequired == true, tls.peerCertificate == nil {
            return false
        }
        connection.directedGeneration = snapshot.generation
        connection.directedSite = site
        return true
    }
}

extension ListenerRuntime {
    /// The site whose certificate a client is shown.
    /// - Parameter name: What the client asked for (SNI); nil for nothing.
    /// - Returns: The number of the site, or nil where the listener has none.
    func site(forServerName name: String?) -> Int? {
        // Without a name, a site for every host before all others.
        table.find(host: Array((name ?? "").utf8).span) ?? defaultSite
    }
}
