import Configuration
import Testing

@testable import Proxy

@Suite("gateway explain, of a cache")
struct ExplainCacheTests {
    struct StoringCase: CustomTestStringConvertible {
        let top: String
        let route: String
        let field: String
        let size: Int?
        let lines: [String]
        var testDescription: String { "\(top) \(route) \(field) \(size ?? -1)" }

        init(
            _ top: String,
            _ route: String,
            _ field: String,
            _ size: Int?,
            _ lines: String...
        ) {
            self.top = top
            self.route = route
            self.field = field
            self.size = size
            self.lines = lines
        }
    }

    @Test(
        "Whether a response would be stored, for how long, up to which size and where",
        arguments: [
            StoringCase(
                "",
                "cache",
                "Cache-Control: max-age=60",
                nil,
                "a 200 with Cache-Control: max-age=60: yes, fresh for 60s (max-age)",
                "up to 8m of content"
            ),
            StoringCase(
                "cache_object_size 1m",
                "cache",
                "Cache-Control: max-age=60",
                2 << 20,
                "a 200 with Cache-Control: max-age=60: no, 2m is too large",
                "up to 1m of content"
            ),
            StoringCase(
                "cache_object_size 1m\ncache_path /var/cache/gateway 1g",
                "cache",
                "Cache-Control: max-age=60",
                2 << 20,
                "a 200 with Cache-Control: max-age=60: yes, fresh for 60s (max-age)",
                "up to 1m of content in memory, up to 256m in /var/cache/gateway"
            ),
            // It would go out of its file as it is.
            StoringCase(
                "cache_object_size 1m\ncache_path /var/cache/gateway 1g",
                "cache\ncompress types=*/*",
                "Cache-Control: max-age=60",
                2 << 20,
                "a 200 with Cache-Control: max-age=60: no, 2m is too large",
                "up to 1m of content"
            ),
            StoringCase(
                "",
                "cache",
                "Cache-Control: no-store",
                nil,
                "a 200 with Cache-Control: no-store: no, no_store"
            ),
        ]
    )
    func stored(_ example: StoringCase) throws {
        let configuration = try load(
            """
            \(example.top)
            site * {
                listen :80
                \(example.route)
                proxy 127.0.0.1:5000
            }
            """
        )
        let request = try ExplainedRequest(
            method: "GET",
            url: "http://shop.example/a",
            from: "203.0.113.9",
            responseFields: [example.field, "Content-Type: text/html"],
            responseSize: example.size
        )
        let steps = try Explanation.explain(request, by: configuration).steps
        let lines = steps.first { $0.name == "stored" }?.lines
        let wanted = example.lines.map {
            $0.replacing(example.field, with: "\(example.field), Content-Type: text/html")
        }
        #expect(lines == wanted)
    }
}
