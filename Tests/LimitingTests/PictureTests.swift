import Foundation
import Limiting
import Testing

/// The picture of the documentation: what each algorithm lets through, drawn by asking it.
@Suite("Documentation/rate-limits.svg")
struct PictureTests {
    static let page = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Documentation/rate-limits.svg")

    @Test("The picture shows what the code does")
    func committed() throws {
        let drawn = try draw()
        if ProcessInfo.processInfo.environment["GOLDEN_UPDATE"] == "1" {
            try Data(drawn.utf8).write(to: Self.page)
        }
        let committed = try String(contentsOf: Self.page, encoding: .utf8)
        #expect(committed == drawn, "GOLDEN_UPDATE=1 writes it anew")
    }

    /// Seconds at which requests come: a burst on each side of an edge, then a steady stream.
    static let demand: [Double] = {
        var times: [Double] = []
        for index in 0..<14 { times.append(8.6 + Double(index) * 0.1) }
        for index in 0..<14 { times.append(10.1 + Double(index) * 0.1) }
        for index in 0..<32 { times.append(14 + Double(index) * 0.5) }
        return times
    }()

    static let seconds = 30.0

    private func draw() throws -> String {
        let rate = try #require(LimitRate(10, per: 10 * second))
        var rows = ""
        for (row, algorithm) in LimitAlgorithm.allCases.enumerated() {
            let table = LimitTable(algorithm: algorithm, logCount: 10)
            let top = 54 + row * 62
            var allowed: [Double] = []
            var marks = ""
            for time in Self.demand {
                // A whole number of windows from the clock's start, so that edges are at 10 and 20.
                let now = 1000 * second + Int64((time * 1000).rounded()) * millisecond
                let isAllowed = table.take(key(1), cost: 1, rate, now: now).isAllowed
                if isAllowed { allowed.append(time) }
                let height = isAllowed ? 26 : 12
                marks +=
                    "<rect x=\"\(place(time))\" y=\"\(top + 30 - height)\" width=\"3\" "
                    + "height=\"\(height)\" class=\"\(isAllowed ? "yes" : "no")\"/>\n"
            }
            let most =
                allowed.map { start in
                    allowed.count { $0 >= start && $0 < start + 10 }
                }.max() ?? 0
            rows += """
                <text x="16" y="\(top - 2)" class="name">\(algorithm.rawValue)</text>
                <text x="744" y="\(top - 2)" class="sum">\(allowed.count) pass, at most \(most) \
                in 10 s</text>
                <line x1="16" x2="744" y1="\(top + 30)" y2="\(top + 30)" class="line"/>
                \(marks)
                """
        }
        var edges = ""
        for edge in [0.0, 10, 20, 30] {
            edges += """
                <line x1="\(place(edge))" x2="\(place(edge))" y1="40" y2="292" class="edge"/>
                <text x="\(place(edge))" y="308" class="time">\(Int(edge)) s</text>

                """
        }
        return """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 320" role="img" \
            aria-label="What each algorithm lets through of the same requests">
            <style>
            text { font: 12px sans-serif; fill: #333 } .name { font-weight: bold }
            .sum { text-anchor: end } .time { text-anchor: middle; fill: #666 }
            .yes { fill: #2a7d4f } .no { fill: #d98c8c } .line { stroke: #999 }
            .edge { stroke: #ccc; stroke-dasharray: 3 3 } svg { background: #fff }
            </style>
            <text x="16" y="20">rate_limit 10/10s: \(Self.demand.count) requests, long marks pass, \
            short ones are refused</text>
            \(edges)\(rows)</svg>

            """
    }

    private func place(_ time: Double) -> String {
        String(Int((16 + time / Self.seconds * 728).rounded()))
    }
}
