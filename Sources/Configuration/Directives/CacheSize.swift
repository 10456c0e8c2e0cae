extension Directive {
    static let cacheSize = Directive(
        name: "cache_size",
        contexts: [.top],
        arguments: [
            Argument("SIZE", .size((1 << 20)...(1 << 44)), "bytes of memory for all that is stored")
        ],
        fallback: "`cache_size 64m`, once a route has `cache`",
        summary: "How much memory stored responses may take.",
        help: """
            Shared by all sites and all loops. What is asked for again stays, what is asked for \
            once leaves first. A reload that changes the size empties the cache.
            """,
        example: .top(
            """
            cache_size 256m
            site * {
                listen :8080
                cache
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .set { call, block in
            block.cacheSize = call.argument(0).flatMap { argument in
                argument.number.map { Placed(value: $0, mark: call.mark) }
            }
        }
    )

    static let cacheObjectSize = Directive(
        name: "cache_object_size",
        contexts: [.top],
        arguments: [
            Argument("SIZE", .size(1...(1 << 32)), "bytes of content of one response at most")
        ],
        fallback: "`cache_object_size 8m`",
        summary: "The largest response that is stored in memory.",
        help: """
            Larger ones are passed on as they come, and stored where `cache_path` has room for \
            them: `object_size=`. A quarter of `cache_size` at most.
            """,
        example: .top(
            """
            cache_object_size 16m
            site * {
                listen :8080
                cache
                proxy 127.0.0.1:5000
            }
            """
        ),
        effect: .set { call, block in
            block.cacheObjectSize = call.argument(0).flatMap { argument in
                argument.number.map { Placed(value: $0, mark: call.mark) }
            }
        }
    )
}
