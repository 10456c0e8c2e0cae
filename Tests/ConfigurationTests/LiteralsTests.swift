import Testing

@testable import Configuration

/// Durations and sizes.
@Suite("gateway.conf, numbers with units")
struct LiteralsTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let value: Int64?

        init(_ text: String, _ value: Int64?) {
            testDescription = text
            self.value = value
        }
    }

    static let durations: [Case] = [
        Case("250ms", 250_000_000), Case("5s", 5_000_000_000), Case("1m", 60_000_000_000),
        Case("1h", 3_600_000_000_000), Case("1d", 86_400_000_000_000),
        Case("1y", 31_536_000_000_000_000), Case("0s", 0), Case("5", nil), Case("s", nil),
        Case("", nil), Case("-5s", nil), Case("+5s", nil), Case("5 s", nil), Case("5S", nil),
        Case("1.5s", nil), Case("5us", nil), Case("9223372036854775807s", nil),
        Case("99999999999999999999s", nil), Case("٥s", nil),
    ]

    @Test("Durations", arguments: durations)
    func duration(_ row: Case) {
        #expect((try? Literals.duration(row.testDescription)) == row.value)
    }

    static let sizes: [Case] = [
        Case("0", 0), Case("512", 512), Case("64k", 65_536), Case("64K", 65_536),
        Case("10m", 10_485_760), Case("1g", 1_073_741_824), Case("1t", nil), Case("1kb", nil),
        Case("k", nil), Case("", nil), Case("-1", nil), Case("9223372036854775807k", nil),
        Case("99999999999999999999", nil),
    ]

    @Test("Sizes", arguments: sizes)
    func size(_ row: Case) {
        #expect((try? Literals.size(row.testDescription)).map(Int64.init) == row.value)
    }

    @Test("What is written for a person reads back as the same")
    func roundTrip() throws {
        for text in ["250ms", "5s", "90s", "1m", "1h", "36h", "1d", "365d"] {
            let value = try Literals.duration(text)
            #expect(try Literals.duration(Literals.text(duration: value)) == value)
        }
        for text in ["1", "1000", "64k", "10m", "1g"] {
            #expect(try Literals.text(size: Literals.size(text)) == text)
        }
    }
}
