import HTTP
import Testing

@Suite("RFC 9651 structured values")
struct StructuredValueTests {
    private func item(_ text: String) -> StructuredValue? {
        let bytes = Array(text.utf8)
        return StructuredItem.parse(bytes.span)
    }

    private func members(_ text: String) -> [StructuredDictionary.Member]? {
        let bytes = Array(text.utf8)
        return StructuredDictionary.parse(bytes.span)
    }

    struct Case: CustomTestStringConvertible {
        var text: String
        var value: StructuredValue?
        var testDescription: String { text }

        init(_ text: String, _ value: StructuredValue?) {
            self.text = text
            self.value = value
        }
    }

    static let items = [
        Case("?1", .boolean(true)), Case("?0", .boolean(false)), Case("?2", nil), Case("?", nil),
        Case("42", .integer(42)), Case("-42", .integer(-42)), Case("4.5", .other),
        Case("4.", nil), Case("-", nil), Case("1234567890123456", nil),
        Case("@1659578233", .other), Case("@1.5", nil),
        Case("\"a b\"", .string(Array("a b".utf8))), Case("\"a\\\"\\\\\"", .string([97, 34, 92])),
        Case("\"a", nil), Case("\"a\\b\"", nil), Case("\"\u{e9}\"", nil),
        Case("raw", .token(Array("raw".utf8))), Case("*a/b:c", .token(Array("*a/b:c".utf8))),
        Case("raw;a=1;b", .token(Array("raw".utf8))), Case("raw;A", nil), Case("a b", nil),
        Case("  a  ", .token([97])), Case("", nil), Case("a,b", nil),
        // Base64: every remainder, with padding and without, and what is none.
        Case("::", .bytes([])), Case(":AA==:", .bytes([0])), Case(":AA:", .bytes([0])),
        Case(":/+8=:", .bytes([0xFF, 0xEF])), Case(":/+8:", .bytes([0xFF, 0xEF])),
        Case(":aGVsbG8=:", .bytes(Array("hello".utf8))),
        Case(":aGVs:", .bytes(Array("hel".utf8))), Case(":aGVsbA==:", .bytes(Array("hell".utf8))),
        Case(":A:", nil), Case(":AAAAA:", nil), Case(":A=A=:", nil), Case(":AA===:", nil),
        Case(":A===:", nil), Case(":AA=:", nil), Case(":AAA==:", nil), Case(":A_A=:", nil),
        Case(":A A=:", nil), Case(":AA==", nil), Case(":", nil),
    ]

    @Test("Items", arguments: items)
    func reading(_ example: Case) { #expect(item(example.text) == example.value) }

    @Test("A dictionary with every kind of value")
    func dictionary() throws {
        let found = try #require(
            members("a, b=?0,c=\"x\" ,\td=(\"p\" q;z=1  3 );w, e=:AA==:;y, a=1.5, f=()")
        )
        let keys = found.map { String(decoding: $0.key, as: UTF8.self) }
        #expect(keys == ["b", "c", "d", "e", "a", "f"])
        #expect(
            found.map(\.value) == [
                .boolean(false), .string([120]),
                .list([.string([112]), .token([113]), .integer(3)]), .bytes([0]), .other, .list([]),
            ]
        )
    }

    @Test(
        "What is no dictionary",
        arguments: [
            "a,", "a,,b", "A=1", "a=", "a=(1", "a=(1,2)", "a=(1 2", "a=(\"x\"1)", "a b", "=1",
            "a=1 b=2", "a;=1", "a=\"x", "\u{e9}=1",
        ]
    )
    func invalid(_ text: String) { #expect(members(text) == nil) }

    @Test("Every part of a long one is taken or refused, and none traps")
    func prefixes() {
        let text =
            "match=\"/a\\\"*\", match-dest=(\"document\" \"x\";a=:AA==:), id=\"d-1\", "
            + "t=@12, n=-1.25"
        let bytes = Array(text.utf8)
        for start in 0...bytes.count {
            for end in start...bytes.count {
                let part = Array(bytes[start..<end])
                _ = StructuredDictionary.parse(part.span)
                _ = StructuredItem.parse(part.span)
            }
        }
        #expect(members(text)?.count == 5)
    }
}
