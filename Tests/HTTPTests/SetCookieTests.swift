import Testing

@testable import HTTP

@Suite("RFC 6265 §5.2 attributes of a Set-Cookie field")
struct SetCookieTests {
    struct Case: CustomTestStringConvertible {
        let value: String
        let attributes: CookieAttributes
        var testDescription: String { value }
    }

    static let cases = [
        Case(value: "a=b", attributes: []),
        Case(value: "", attributes: []),
        Case(value: ";", attributes: []),
        Case(value: "a=b; Secure", attributes: .secure),
        Case(value: "a=b;secure", attributes: .secure),
        Case(value: "a=b; SECURE ;HttpOnly", attributes: [.secure, .httpOnly]),
        Case(value: "a=b; \tHttpOnly\t; x", attributes: .httpOnly),
        Case(value: "a=b; SameSite=Lax; Path=/", attributes: .sameSite),
        Case(value: "a=b; samesite = none; Secure", attributes: [.sameSite, .secure]),
        Case(value: "a=b; Secure=yes", attributes: .secure),
        // The cookie itself is no attribute, nor is a part of a name or a value.
        Case(value: "Secure", attributes: []),
        Case(value: "secure=1; Path=/HttpOnly", attributes: []),
        Case(value: "a=b; NotSecure; Secures; x=Secure", attributes: []),
        Case(value: "a=\"x; Secure\"", attributes: []),
        Case(value: "a=b;;;; SameSite", attributes: .sameSite),
    ]

    @Test("Attributes are found as browsers find them", arguments: cases)
    func finds(_ example: Case) {
        let bytes = Array(example.value.utf8)
        #expect(CookieAttributes(of: bytes.span) == example.attributes)
    }
}
