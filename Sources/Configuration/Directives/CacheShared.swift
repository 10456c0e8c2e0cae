extension Directive {
    static let cacheShared = Directive(
        name: "cache_shared",
        contexts: [.top],
        arguments: [
            Argument("redis", .keyword(["redis"]), "where: the servers of the directive `redis`")
        ],
        options: [
            Option(
                "timeout",
                .duration(Literals.millisecond...(10 * Literals.second)),
                default: "20ms",
                "how long a request waits for Redis; then it goes on as if nothing were there"
            ),
            Option(
                "object_size",
                .size(1...(64 << 20)),
                default: "1m",
                "bytes of content of one response at most; larger ones stay in each gateway"
            ),
            Option(
                "write_buffer",
                .size((64 << 10)...(1 << 30)),
                default: "1m",
                "bytes on their way to Redis at most, of each event loop; past it nothing is sent"
            ),
            Option(
                "prefix",
                .text,
                default: "that of `redis`, then `cache:`",
                "what keys begin with: fleets with different ones share nothing"
            ),
        ],
        fallback: "each gateway stores by itself",
        summary: "Shares stored responses, and purges, with other gateways through Redis.",
        help: """
            What is not in memory, or stale there, is looked for in Redis before the upstream is \
            asked; what is stored goes to Redis as well, without the client waiting for it. Redis \
            that is slow or gone means a miss, never an error: after three misses of the deadline \
            in a row it is left alone for 100 ms, then for twice as long each time up to 10 s, and \
            one question at a time tries it then. Purges and invalidations reach all gateways, \
            also those that were away; see [caching](caching.md#several-gateways).

            Gateways share what sites with the same first host have stored. In a cluster all keys \
            stand in one slot, by the braces in the prefix. Redis should have a memory limit and \
            `maxmemory-policy volatile-lru`, so that it drops stored responses and not the log of \
            purges.
            """,
        example: .top(
            """
            redis redis://10.0.0.7:6379
            cache_shared redis timeout=10ms object_size=256k
            site * {
                listen :80
                cache
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .set { call, block in
            if let prefix = call.options["prefix"], prefix.text.isEmpty {
                call.error(prefix.mark, "'prefix=' is empty")
            }
            let draft = CacheSharingDraft(
                timeout: call.duration("timeout") ?? 20 * Literals.millisecond,
                objectSize: call.number("object_size") ?? 1 << 20,
                writeBuffer: call.number("write_buffer") ?? 1 << 20,
                prefix: call.options["prefix"]?.text
            )
            block.cacheShared = Placed(value: draft, mark: call.mark)
        }
    )
}

/// What `cache_shared` says.
struct CacheSharingDraft: Sendable {
    let timeout: Int64
    let objectSize: Int
    let writeBuffer: Int
    let prefix: String?
}
