import Bytes
import Testing

@Suite("Buffer")
struct BufferTests {
    @Test("Appended bytes come out in order, whatever is consumed in between")
    func order() {
        let buffer = Buffer(capacity: 256)
        var expected: [UInt8] = []
        var next: UInt8 = 0
        for round in 0..<200 {
            let piece = (0..<(round % 37)).map { _ -> UInt8 in
                next &+= 1
                return next
            }
            buffer.append(piece)
            expected += piece
            let taken = min(expected.count, round % 23)
            #expect(
                buffer.readable.extracting(first: taken).bytes() == Array(expected.prefix(taken))
            )
            buffer.consume(taken)
            expected.removeFirst(taken)
            #expect(buffer.count == expected.count)
        }
        #expect(buffer.readable.bytes() == expected)
    }

    @Test(
        "Numbers are written as their digits",
        arguments: [0, 7, 10, 99, 100, 65536, 1_234_567, -1, Int.max, Int.min]
    )
    func decimal(value: Int) {
        let buffer = Buffer()
        buffer.append(decimal: value)
        #expect(buffer.readable.string() == String(value))
    }

    @Test("Chunk sizes are written in hexadecimal", arguments: [0, 1, 15, 16, 255, 4096, UInt.max])
    func hexadecimal(value: UInt) {
        let buffer = Buffer()
        buffer.append(hexadecimal: value)
        #expect(buffer.readable.string() == String(value, radix: 16))
    }

    @Test(
        "Identifiers are written with all their digits",
        arguments: [0, 1, 0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, UInt64.max]
    )
    func paddedHexadecimal(value: UInt64) {
        let buffer = Buffer()
        buffer.append(paddedHexadecimal: value)
        let digits = String(value, radix: 16)
        #expect(
            buffer.readable.string() == String(repeating: "0", count: 16 - digits.count) + digits
        )
    }

    @Test("Growing and shrinking keep what is unread")
    func resize() {
        let buffer = Buffer(capacity: 256)
        buffer.append([UInt8](repeating: 65, count: 300))
        buffer.consume(100)
        buffer.resize(to: 4096)
        #expect(buffer.capacity == 4096)
        #expect(buffer.readable.bytes() == [UInt8](repeating: 65, count: 200))
        buffer.resize(to: 1)
        #expect(buffer.count == 200)
        #expect(buffer.capacity == 256)
    }
}
