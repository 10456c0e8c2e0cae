import Bytes
import HTTP
import Testing

@Suite("RFC 9110 §5.6.7 dates")
struct HTTPDateTests {
    static let now: Int64 = 1_700_000_000

    @Test(
        "All three forms",
        arguments: [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Sun Nov 16 08:49:37 1994", 784_975_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_799),
            // Two digits: 50 years ahead of 2023 is 2073.
            ("Sunday, 06-Nov-73 08:49:37 GMT", 3_277_183_777),
            ("Sunday, 06-Nov-74 08:49:37 GMT", 152_959_777),
        ] as [(String, Int64)]
    )
    func parse(text: String, seconds: Int64) {
        #expect(HTTPDate.parse(Array(text.utf8).span, now: Self.now) == seconds)
    }

    @Test(
        "What is not a date",
        arguments: [
            "", ",", "0", "Sun", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 utc",
            "Xxx, 06 Nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 29 Feb 2023 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 06 Nov 1994  08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun, 06 Nov 94 08:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT",
        ]
    )
    func notADate(text: String) {
        #expect(HTTPDate.parse(Array(text.utf8).span, now: Self.now) == nil)
    }

    @Test("What is written is read back, over all of the calendar")
    func roundTrip() {
        let buffer = Buffer()
        var seconds: Int64 = 0
        while seconds <= HTTPDate.latest {
            buffer.removeAll()
            HTTPDate.write(seconds, to: buffer)
            #expect(buffer.count == HTTPDate.byteCount)
            #expect(HTTPDate.parse(buffer.readable, now: Self.now) == seconds)
            seconds += 86_400 * 211 + 3_607
        }
        buffer.removeAll()
        HTTPDate.write(784_111_777, to: buffer)
        #expect(buffer.readable.string() == "Sun, 06 Nov 1994 08:49:37 GMT")
        buffer.removeAll()
        HTTPDate.write(-5, to: buffer)
        #expect(buffer.readable.string() == "Thu, 01 Jan 1970 00:00:00 GMT")
    }
}
