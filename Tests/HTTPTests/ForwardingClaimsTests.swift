import Bytes
import HTTP
import Testing

@Suite("Fields that claim a proxy's word")
struct ForwardingClaimsTests {
    struct Case: CustomTestStringConvertible {
        let name: String
        let isTrusted: Bool
        let isKept: Bool
        var testDescription: String { "\(name) from a \(isTrusted ? "trusted" : "foreign") peer" }
    }

    @Test(
        "Impostors are removed, all others stay",
        arguments: [
            Case(name: "X_Forwarded_For", isTrusted: false, isKept: false),
            Case(name: "X_Forwarded_For", isTrusted: true, isKept: false),
            Case(name: "X-Forwarded_For", isTrusted: true, isKept: false),
            Case(name: "x_real_ip", isTrusted: true, isKept: false),
            Case(name: "Content_Length", isTrusted: true, isKept: false),
            Case(name: "X-Forwarded-Ssl", isTrusted: false, isKept: false),
            Case(name: "X-Forwarded-Ssl", isTrusted: true, isKept: true),
            Case(name: "x-forwarded-protocol", isTrusted: false, isKept: false),
            Case(name: "X_Forwarded_Ssl", isTrusted: true, isKept: false),
            Case(name: "my_own_field", isTrusted: false, isKept: true),
            Case(name: "X-Custom", isTrusted: false, isKept: true),
            Case(name: "Sec-Fetch-Mode", isTrusted: false, isKept: true),
        ]
    )
    func impostors(row: Case) {
        var fields = FieldSection()
        fields.append(name: Array(row.name.utf8).span, value: Array("1".utf8).span)
        fields.append(.accept, value: Array("*/*".utf8).span)
        fields.removeImpostors(isTrusted: row.isTrusted)
        #expect(fields.isPresent(at: 0) == row.isKept)
        #expect(fields.contains(.accept))
    }
}
