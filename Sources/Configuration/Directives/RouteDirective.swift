extension Directive {
    static let route = Directive(
        name: "route",
        contexts: [.site],
        repetition: .many,
        arguments: [
            Argument(
                "PATTERN",
                .pattern,
                "`/a` for that path alone, `/a/*` for it and everything below, `*` for all"
            )
        ],
        options: [
            Option(
                "method",
                .methods,
                "methods with commas between; without it, all. GET takes HEAD with it"
            )
        ],
        block: .route,
        summary: "What happens to the requests for some paths.",
        help: """
            The most specific pattern that fits path and method wins, whatever the order in the \
            file: a whole path, else the longest prefix, else `*`. Of two routes with the same \
            pattern, one that names the method wins over one that names none.

            `/a/*` takes `/a/`, everything below it, and `/a` as well unless a route `/a` does: \
            applications answer both alike, and an `allow` in `/admin/*` holds for `/admin` too.

            Patterns are compared with the path as an application would read it: percent-decoded, \
            repeated slashes made one, dot segments resolved; so no other spelling of a path gets \
            past its route. A route without an action takes its site's.
            """,
        example: .site(
            """
            route /login method=POST { proxy app }
            route /static/* { proxy app }
            route * { proxy app }
            """
        ),
        effect: .open { call, block in
            let route = Block(.route, mark: call.mark)
            if case .pattern(let pattern)? = call.argument(0)?.value { route.pattern = pattern }
            if case .methods(let methods)? = call.options["method"]?.value {
                route.methods = methods
            }
            block.routes.append(route)
            return route
        }
    )
}
