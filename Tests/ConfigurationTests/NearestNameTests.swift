import Testing

@testable import Configuration

/// What was probably meant.
@Suite("Nearest name")
struct NearestNameTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let typed: String
        let expected: String?
        var testDescription: String { "\(typed) → \(expected ?? "nothing")" }
    }

    static let known = ["burst", "key", "route", "proxy", "upstream", "listen", "allow"]

    static let cases: [Case] = [
        Case(typed: "bust", expected: "burst"),
        Case(typed: "brust", expected: "burst"),
        Case(typed: "bursts", expected: "burst"),
        Case(typed: "BURST", expected: "burst"),
        Case(typed: "kye", expected: "key"),
        Case(typed: "rout", expected: "route"),
        Case(typed: "upsteram", expected: "upstream"),
        Case(typed: "lsiten", expected: "listen"),
        Case(typed: "completely", expected: nil),
        Case(typed: "", expected: nil),
        Case(typed: String(repeating: "x", count: 100), expected: nil),
    ]

    @Test("A slip of the hand is seen, a different word is not", arguments: cases)
    func nearest(_ row: Case) {
        #expect(nearestName(to: row.typed, among: Self.known) == row.expected)
    }
}
