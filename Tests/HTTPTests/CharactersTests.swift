import Bytes
import HTTP
import Testing

@Suite("RFC 9110 §5 characters")
struct CharactersTests {
    private static let alphanumeric =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

    @Test("Tokens and registered names hold the bytes that the grammar lists, of all 256")
    func classes() {
        let token = Set((Self.alphanumeric + "!#$%&'*+-.^_`|~").utf8)
        let name = Set((Self.alphanumeric + "-._~!$&'()*+,;=%").utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(Characters.isToken(byte) == token.contains(byte))
            #expect(Characters.isRegisteredName(byte) == name.contains(byte))
            let digit = Int(String(Unicode.Scalar(byte)), radix: 16)
            #expect(Characters.hexadecimalValue(byte).map(Int.init) == (byte < 128 ? digit : nil))
        }
    }

    @Test("A field value refuses control characters at every place, of all 256 bytes")
    func fieldValues() {
        for byte in UInt8.min...UInt8.max {
            let control = byte < 0x20 && byte != 0x09 || byte == 0x7f
            for count in [3, 9, 17, 40] {
                for place in 1..<(count - 1) {
                    // 0xFF and 0x7E beside it are what a carry could mistake for DEL.
                    var value = [UInt8](repeating: place % 2 == 0 ? 0xff : 0x7e, count: count)
                    value[place] = byte
                    #expect(Characters.isFieldValue(value.span) == !control)
                }
            }
        }
        #expect(Characters.isFieldValue([UInt8]().span) == true)
        #expect(Characters.isFieldValue(Array(" a".utf8).span) == false)
        #expect(Characters.isFieldValue(Array("a\t".utf8).span) == false)
        #expect(Characters.isToken(Array("a-b".utf8).span) == true)
        #expect(Characters.isToken([UInt8]().span) == false)
        #expect(Characters.isToken(Array("a b".utf8).span) == false)
    }
}
