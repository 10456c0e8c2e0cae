import Addressing
import Bytes
import Configuration
import HTTP
import Limiting

/// What the metrics listener answers about rate limits: `/limits/top`, `/limits/show` and
/// `/limits/reset`, which `gateway limits` asks for.
struct LimitCommands: Sendable {
    /// Keys that `top` lists at most.
    static let maximumListed = 1000

    let store: LimitStore
    /// Whether what a key has left stands in Redis and not here.
    let isShared: Bool
    /// Monotonic nanoseconds.
    let now: Int64

    /// What was asked for.
    private struct Request {
        var limit: String?
        var values: [String] = []
        var id: LimitKey?
        var count = 20
        var byAllowed = false
        var asText = false
    }

    /// An answer, and the counters that are to be forgotten in Redis too.
    struct Outcome: Sendable {
        var answer: MetricsAnswer
        var forgotten: [(runtime: LimitRuntime, key: LimitKey)] = []
    }

    /// Answers a request below `/limits/`.
    ///
    /// `path`: What follows `/limits/`.
    ///
    /// `isPost`: Whether something may be changed.
    func answer(path: String, query: [UInt8], isPost: Bool) -> Outcome {
        let request: Request
        do throws(Complaint) { request = try parse(query) } catch {
            return Outcome(answer: plain(400, error.text))
        }
        if let name = request.limit, !store.rates.contains(where: { $0.limit.name == name }) {
            let names = Set(store.rates.map(\.limit.name)).sorted().joined(separator: ", ")
            return Outcome(answer: plain(404, "no limit '\(name)'; there are: \(names)"))
        }
        switch path {
        case "top": return Outcome(answer: top(request))
        case "show", "reset":
            if request.values.isEmpty && request.id == nil {
                return Outcome(answer: plain(400, "expected key= or id="))
            }
            if path == "show" { return Outcome(answer: show(request)) }
            guard isPost else { return Outcome(answer: plain(405, "only POST")) }
            return reset(request)
        default: return Outcome(answer: plain(404, "try top, show or reset"))
        }
    }

    // MARK: Commands

    private func top(_ request: Request) -> MetricsAnswer {
        var rows: [LimitRow] = []
        for runtime in runtimes(request.limit) {
            for hot in runtime.table.hot.keys(now: now) {
                var row = row(runtime, hot.key)
                row.text = String(decoding: hot.text, as: UTF8.self)
                row.allowed = hot.allowed
                row.refused = hot.refused
                rows.append(row)
            }
        }
        rows.sort { request.byAllowed ? $0.byAllowed > $1.byAllowed : $0.byRefused > $1.byRefused }
        return render(Array(rows.prefix(request.count)), request)
    }

    private func show(_ request: Request) -> MetricsAnswer {
        let rows = matches(request).map { match in
            var row = row(match.runtime, match.key)
            row.text = request.values.joined(separator: " + ")
            let hot = match.runtime.table.hot.keys(now: now)
            if let hot = hot.first(where: { $0.key == match.key }) {
                row.text = String(decoding: hot.text, as: UTF8.self)
                row.allowed = hot.allowed
                row.refused = hot.refused
            }
            return row
        }
        return render(rows, request)
    }

    private func reset(_ request: Request) -> Outcome {
        let all = matches(request)
        let found = all.filter { $0.runtime.table.forget($0.key) }
        let names = Set(found.map(\.runtime.limit.name)).sorted()
        let text =
            request.asText
            ? (names.isEmpty
                ? "nothing was counted for it here\n" : "reset: \(names.joined(separator: ", "))\n")
            : "{\"reset\":\(found.count),\"policies\":["
                + names.map { "\"\(JSONText.escaped($0))\"" }.joined(separator: ",") + "]}\n"
        let answer = MetricsAnswer(
            status: 200,
            contentType: request.asText ? "text/plain; charset=utf-8" : "application/json",
            body: Array(text.utf8)
        )
        return Outcome(answer: answer, forgotten: isShared ? all : [])
    }

    // MARK: Counters

    private func runtimes(_ name: String?) -> [LimitRuntime] {
        store.rates.filter { name == nil || $0.limit.name == name }
            .sorted { ($0.limit.scope, $0.limit.name) < ($1.limit.scope, $1.limit.name) }
    }

    /// The counters that were asked for; without a limit's name, those of which something is known.
    private func matches(_ request: Request) -> [(runtime: LimitRuntime, key: LimitKey)] {
        runtimes(request.limit).flatMap { runtime in
            let keys = request.id.map { [$0] } ?? runtime.keys(of: request.values)
            return keys.filter {
                isShared || runtime.table.knows($0) || (request.limit != nil && $0 == keys.first)
            }.map { (runtime, $0) }
        }
    }

    private func row(_ runtime: LimitRuntime, _ key: LimitKey) -> LimitRow {
        let limit = runtime.limit
        var row = LimitRow(policy: limit.name, scope: limit.scope, id: key.hexadecimal)
        row.observes = limit.observes
        guard let rate = runtime.rate(for: key) else { return row }
        row.quota = LimitRuntime.quota(rate, limit.algorithm).units
        if isShared { return row }
        let decision = runtime.table.look(key, rate, now: now)
        row.remaining = decision.remaining
        row.reset = LimitRuntime.seconds(decision.reset)
        return row
    }

    // MARK: Text

    private struct Complaint: Error { let text: String }

    private func parse(_ query: [UInt8]) throws(Complaint) -> Request {
        var request = Request()
        for (name, bytes) in CacheCommands.pairs(query) {
            let value = String(decoding: bytes, as: UTF8.self)
            switch name {
            case "limit": request.limit = value
            case "key": request.values.append(value)
            case "id":
                guard let key = LimitKey(hexadecimal: value) else {
                    throw Complaint(text: "id: expected the 32 digits that 'top' shows")
                }
                request.id = key
            case "count":
                guard let count = Int(value), (1...LimitCommands.maximumListed).contains(count)
                else { throw Complaint(text: "count: expected 1 to 1000") }
                request.count = count
            case "by":
                guard value == "refused" || value == "allowed" else {
                    throw Complaint(text: "by: expected refused or allowed")
                }
                request.byAllowed = value == "allowed"
            case "format":
                guard value == "text" || value == "json" else {
                    throw Complaint(text: "format: expected text or json")
                }
                request.asText = value == "text"
            default: throw Complaint(text: "'\(name)' is no parameter here")
            }
        }
        return request
    }

    private func render(_ rows: [LimitRow], _ request: Request) -> MetricsAnswer {
        let text =
            request.asText
            ? LimitRow.table(rows)
            : "[" + rows.map(\.json).joined(separator: ",\n") + "]\n"
        return MetricsAnswer(
            status: 200,
            contentType: request.asText ? "text/plain; charset=utf-8" : "application/json",
            body: Array(text.utf8)
        )
    }

    private func plain(_ status: Int, _ text: String) -> MetricsAnswer {
        MetricsAnswer(status: status, body: Array((text + "\n").utf8))
    }
}

/// One key of one limit, as it is shown.
struct LimitRow {
    let policy: String
    let scope: String
    let id: String
    var text = ""
    var allowed: UInt64 = 0
    var refused: UInt64 = 0
    /// Units that a full counter has; nil where the key has no limit of its own.
    var quota: Int?
    /// Units left, and seconds until all are back; nil where only Redis knows.
    var remaining: Int?
    var reset: Int?
    var observes = false

    init(policy: String, scope: String, id: String) {
        self.policy = policy
        self.scope = scope
        self.id = id
    }

    var byAllowed: (UInt64, UInt64) { (allowed, refused) }
    var byRefused: (UInt64, UInt64) { (refused, allowed) }

    var json: String {
        func text(_ name: String, _ value: String) -> String {
            "\"\(name)\":\"\(JSONText.escaped(value))\""
        }
        func number(_ name: String, _ value: Int?) -> String {
            "\"\(name)\":\(value.map(String.init) ?? "null")"
        }
        return "{"
            + [
                text("policy", policy), text("scope", scope), text("key", self.text),
                text("id", id), "\"allowed\":\(allowed)", "\"refused\":\(refused)",
                number("remaining", remaining), number("quota", quota),
                number("reset_seconds", reset), text("mode", observes ? "observe" : "enforce"),
            ].joined(separator: ",") + "}"
    }

    /// A table for a terminal.
    static func table(_ rows: [LimitRow]) -> String {
        let head = ["POLICY", "WHERE", "KEY", "ALLOWED", "REFUSED", "LEFT", "RESET", "ID"]
        let cells =
            [head]
            + rows.map { row in
                [
                    row.policy, row.scope.isEmpty ? "-" : row.scope,
                    row.text.isEmpty ? "?" : row.text,
                    row.allowed == 0 ? "0" : "~\(row.allowed)",
                    "\(row.refused)" + (row.observes ? " (observed)" : ""),
                    row.remaining.map { "\($0)/\(row.quota ?? 0)" } ?? "-",
                    row.reset.map { "\($0)s" } ?? "-", row.id,
                ]
            }
        let widths = head.indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { line in
            line.enumerated().map { column, cell in
                column == head.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}

/// Text inside the quotes of a JSON string.
enum JSONText {
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
