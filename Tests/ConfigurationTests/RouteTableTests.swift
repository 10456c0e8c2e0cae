import Configuration
import HTTP
import Testing

/// The choice of a route by path and method.
@Suite("Route table")
struct RouteTableTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let method: Method
        let path: String
        let expected: Int?
        var testDescription: String { "\(method) \(path)" }

        init(_ path: String, _ expected: Int?, _ method: Method = .get) {
            self.path = path
            self.expected = expected
            self.method = method
        }
    }

    static let post = MethodSet(.post)
    static let table = RouteTable([
        (.any, .all), (.exact("/a"), .all), (.prefix("/a/"), .all), (.prefix("/a/b/"), post),
        (.exact("/a/b/c"), MethodSet(.get)), (.exact("/only"), .all), (.prefix("/deep/er/"), .all),
        (.prefix("/deep/er/"), post), (.exact("/slash/"), .all), (.prefix("/p/"), .all),
        (.exact("/"), .all),
    ])

    static let cases: [Case] = [
        Case("/", 10), Case("/x", 0), Case("/a", 1), Case("/a/", 2), Case("/a/x", 2),
        Case("/ab", 0), Case("/a/b", 2), Case("/a/b", 3, .post), Case("/a/b/", 2),
        Case("/a/b/x", 2), Case("/a/b/x", 3, .post), Case("/a/b/c", 4), Case("/a/b/c", 3, .post),
        Case("/a/b/c", 2, .put), Case("/a/b/c/d", 2), Case("/only", 5), Case("/only/", 0),
        Case("/onl", 0), Case("/deep/er", 6), Case("/deep/er/x", 6), Case("/deep/er/x", 7, .post),
        Case("/deep", 0), Case("/slash/", 8), Case("/slash", 0), Case("/slash/x", 0),
        Case("/p", 9), Case("/p/", 9), Case("/p/q/r", 9), Case("/p", 9, .other),
        Case("*", 0, .options),
        Case("", 0), Case("/A", 0), Case("//a", 0),
        Case("/" + String(repeating: "x/", count: 4000), 0),
        Case("/a/" + String(repeating: "x/", count: 4000), 2),
    ]

    @Test("The most specific pattern that fits path and method wins", arguments: cases)
    func specific(_ row: Case) {
        #expect(
            Self.table.find(path: Array(row.path.utf8).span, method: row.method) == row.expected
        )
    }

    @Test("Without '*' a foreign path or method has no route")
    func foreign() {
        let table = RouteTable([(.exact("/a"), MethodSet(.post)), (.prefix("/b/"), .all)])
        #expect(table.find(path: Array("/a".utf8).span, method: .get) == nil)
        #expect(table.find(path: Array("/a".utf8).span, method: .post) == 0)
        #expect(table.find(path: Array("/c".utf8).span, method: .get) == nil)
        #expect(RouteTable([]).find(path: Array("/".utf8).span, method: .get) == nil)
    }

    @Test("The methods of a path are those of all its routes")
    func methods() {
        let table = RouteTable([
            (.exact("/a"), MethodSet(.post)), (.exact("/a"), MethodSet(.delete)),
            (.prefix("/b/"), MethodSet(.get).union(MethodSet(.head))),
            (.prefix("/b/c/"), MethodSet(.put)),
        ])
        for (path, names) in [
            ("/a", ["POST", "DELETE"]), ("/b", ["GET", "HEAD"]),
            ("/b/c/d", ["GET", "HEAD", "PUT"]), ("/c", []),
        ] {
            #expect(table.methods(path: Array(path.utf8).span).names == names, "\(path)")
        }
    }

    @Test("Ten thousand routes are each found")
    func many() {
        let table = RouteTable(
            (0..<10_000).map { number in
                (number % 2 == 0 ? .exact("/api/v\(number)") : .prefix("/api/v\(number)/"), .all)
            }
        )
        for number in 0..<10_000 {
            let path = number % 2 == 0 ? "/api/v\(number)" : "/api/v\(number)/items/1"
            #expect(table.find(path: Array(path.utf8).span, method: .get) == number)
        }
    }

    @Test("Random tables answer as a search through all routes does")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = SplitMix(state: seed)
        func path() -> String {
            (0..<Int.random(in: 1...4, using: &random)).map { _ in
                "/" + (["a", "b", "ab"].randomElement(using: &random) ?? "")
            }.joined()
        }
        for _ in 0..<100 {
            var seen: Set<PathPattern> = []
            var routes: [(pattern: PathPattern, methods: MethodSet)] = []
            for _ in 0..<Int.random(in: 0...15, using: &random) {
                let pattern: PathPattern =
                    Bool.random(using: &random) ? .exact(path()) : .prefix(path() + "/")
                if seen.insert(pattern).inserted {
                    routes.append((pattern, Bool.random(using: &random) ? .all : MethodSet(.get)))
                }
            }
            let table = RouteTable(routes)
            for _ in 0..<50 {
                let text = path()
                let method: Method = Bool.random(using: &random) ? .get : .post
                #expect(
                    table.find(path: Array(text.utf8).span, method: method)
                        == naive(routes, text, method),
                    "\(method) \(text)"
                )
            }
        }
    }

    private func naive(
        _ routes: [(pattern: PathPattern, methods: MethodSet)],
        _ path: String,
        _ method: Method
    ) -> Int? {
        var best: (rank: Int, route: Int)?
        for (number, route) in routes.enumerated()
        where route.methods.contains(MethodSet(method)) {
            let rank: Int
            switch route.pattern {
            case .exact(let text) where text == path: rank = .max
            case .prefix(let text) where path.hasPrefix(text) || path + "/" == text:
                rank = text.count
            case .any: rank = 0
            default: continue
            }
            if rank > best?.rank ?? -1 { best = (rank, number) }
        }
        return best?.route
    }
}
