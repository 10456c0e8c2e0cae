extension Directive {
    /// Every directive, in the order of the reference.
    ///
    /// A test walks it.
    static let all: [Directive] = [
        // What is served, and where.
        site, route, listen,
        // What answers.
        proxy, respond, redirect,
        // Changes on the way.
        rewrite, stripPrefix, header,
        // Servers.
        upstream, server, balance, keepalive, healthCheck, eject, retry, profile,
        // Clients.
        trustedProxies, clientAddress, forwarded, allow, deny,
        // Stored responses.
        cache, cacheKey, cacheCookies, cacheSize, cacheObjectSize, cachePath, cachePurge,
        cacheShared,
        // Bounds.
        timeout, limit, buffer,
        // Content codings.
        compress, compressDictionary, decompress, compressLimits,
        // Limits of requests.
        rateLimit, concurrencyLimit, bandwidthLimit, ratelimitHeaders, redis,
        // TLS.
        certificate, state, tls, clientCertificate, ticketKeys, https, cookies,
        // What is told.
        errorPage, accessLog, log, metrics,
        // The process and the file.
        workers, include,
    ]
}
