import Bytes
import Foundation
import Testing

@testable import Telemetry

@Suite("Access log formats")
struct AccessLogFormatterTests {
    /// The texts of a record that tests change.
    struct Texts {
        var client = Array("203.0.113.9".utf8)
        var method = Array("GET".utf8)
        var target = Array("/shop?q=1".utf8)
        var protocolVersion = Array("HTTP/1.1".utf8)
        var referer: [UInt8] = []
        var userAgent = Array("curl/8".utf8)
        var peer: [UInt8] = []
        var site: [UInt8] = []
        var route: [UInt8] = []
        var upstream: [UInt8] = []
        var server: [UInt8] = []
        var requestID: [UInt8] = []
        var error: [UInt8] = []
    }

    private func line(
        _ format: AccessLogFormat,
        _ texts: Texts = Texts(),
        change: (inout AccessRecord) -> Void = { _ in }
    ) -> String {
        var record = AccessRecord(unixMilliseconds: 1_795_371_031_042, status: 200)
        record.client = texts.client.span
        record.method = texts.method.span
        record.target = texts.target.span
        record.protocolVersion = texts.protocolVersion.span
        record.referer = texts.referer.span
        record.userAgent = texts.userAgent.span
        record.peer = texts.peer.span
        record.site = texts.site.span
        record.route = texts.route.span
        record.upstream = texts.upstream.span
        record.server = texts.server.span
        record.requestID = texts.requestID.span
        record.error = texts.error.span
        record.contentBytesSent = 120
        change(&record)
        let buffer = Buffer()
        AccessLogFormatter().append(record, as: format, to: buffer)
        return buffer.readable.string()
    }

    private func object(_ line: String) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(line.utf8))
        return try #require(value as? [String: Any])
    }

    @Test("The common format is that of NCSA httpd")
    func common() {
        #expect(
            line(.common)
                == #"203.0.113.9 - - [22/Nov/2026:18:10:31 +0000] "GET /shop?q=1 HTTP/1.1" 200 120"#
                + "\n"
        )
    }

    @Test("The combined format adds referer and user agent, - when there is none")
    func combined() {
        #expect(
            line(.combined)
                == #"203.0.113.9 - - [22/Nov/2026:18:10:31 +0000] "GET /shop?q=1 HTTP/1.1" 200 120 "#
                + #""-" "curl/8""# + "\n"
        )
    }

    @Test("A request that was not understood, and one without a response, have their marks")
    func nothing() {
        var texts = Texts()
        texts.method = []
        let text = line(.common, texts) {
            $0.status = 0
            $0.contentBytesSent = 0
        }
        #expect(text.hasSuffix(#"] "-" 000 -"# + "\n"))
    }

    @Test("JSON holds every figure, with durations in milliseconds")
    func json() throws {
        var texts = Texts()
        texts.peer = Array("10.0.0.1".utf8)
        texts.site = Array("shop".utf8)
        texts.route = Array("/api/*".utf8)
        texts.upstream = Array("app".utf8)
        texts.server = Array("unix:/run/app.sock".utf8)
        texts.requestID = Array("c0ffee".utf8)
        texts.error = Array("reset".utf8)
        let text = line(.json, texts) {
            $0.bytesReceived = 300
            $0.bytesSent = 420
            $0.total = 12_345_678
            $0.upstreamDuration = 1_000
            $0.firstByte = 999
            $0.queue = -1
            $0.upstreamStatus = 502
            $0.attempts = 2
        }
        #expect(
            text == """
                {"time":"2026-11-22T18:10:31.042Z","client":"203.0.113.9","peer":"10.0.0.1",\
                "method":"GET","target":"/shop?q=1","protocol":"HTTP/1.1","status":200,\
                "bytes_in":300,"bytes_out":420,"duration_ms":12.345,"upstream_ms":0.001,\
                "first_byte_ms":0.000,"queue_ms":0.000,"site":"shop","route":"/api/*",\
                "upstream":"app","server":"unix:/run/app.sock","upstream_status":502,\
                "attempts":2,"request_id":"c0ffee","user_agent":"curl/8","error":"reset"}

                """
        )
        #expect(try object(text).count == 22)
    }

    struct EscapeCase: CustomTestStringConvertible {
        let bytes: [UInt8]
        let common: String
        let json: String
        var testDescription: String { "\(bytes)" }

        init(_ bytes: [UInt8], common: String, json: String) {
            self.bytes = bytes
            self.common = common
            self.json = json
        }
    }

    static let escapes = [
        EscapeCase(Array("a\nb".utf8), common: #"a\x0Ab"#, json: #"a\u000ab"#),
        EscapeCase(
            Array("a\r\0\u{1B}[31m".utf8),
            common: #"a\x0D\x00\x1B[31m"#,
            json: #"a\u000d\u0000\u001b[31m"#
        ),
        EscapeCase(Array(#"a" "b"#.utf8), common: #"a\x22 \x22b"#, json: #"a\" \"b"#),
        EscapeCase(Array(#"a\x0a"#.utf8), common: #"a\x5Cx0a"#, json: #"a\\x0a"#),
        EscapeCase([0x7F], common: #"\x7F"#, json: #"\u007f"#),
        EscapeCase(Array("é".utf8), common: #"\xC3\xA9"#, json: "é"),
        EscapeCase(Array("€😀".utf8), common: #"\xE2\x82\xAC\xF0\x9F\x98\x80"#, json: "€😀"),
        // C1 control characters: U+009B begins a terminal's control sequence.
        EscapeCase([0xC2, 0x9B], common: #"\xC2\x9B"#, json: #"\u009b"#),
        // Not UTF-8: a lone continuation, a cut scalar, an overlong one, a surrogate, beyond
        // Unicode.
        EscapeCase([0x80], common: #"\x80"#, json: #"\ufffd"#),
        EscapeCase([0xE2, 0x82], common: #"\xE2\x82"#, json: #"\ufffd\ufffd"#),
        EscapeCase([0xC0, 0xAF], common: #"\xC0\xAF"#, json: #"\ufffd\ufffd"#),
        EscapeCase([0xED, 0xA0, 0x80], common: #"\xED\xA0\x80"#, json: #"\ufffd\ufffd\ufffd"#),
        EscapeCase(
            [0xF4, 0x90, 0x80, 0x80],
            common: #"\xF4\x90\x80\x80"#,
            json: #"\ufffd\ufffd\ufffd\ufffd"#
        ),
    ]

    @Test(
        "What could start a line, close a quote or steer a terminal is escaped",
        arguments: escapes
    )
    func escaping(row: EscapeCase) throws {
        var texts = Texts()
        texts.userAgent = row.bytes
        #expect(line(.combined, texts).hasSuffix(" \"\(row.common)\"\n"))
        let json = line(.json, texts)
        #expect(json.hasSuffix(",\"user_agent\":\"\(row.json)\"}\n"))
        #expect(try object(json)["user_agent"] is String)
    }

    @Test("Whatever bytes come, a line is one line, printable, and JSON stays JSON")
    func anyBytes() throws {
        var generator = SplitMix(state: 7)
        for _ in 0..<500 {
            var texts = Texts()
            let count = Int(generator.next() % 40)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            texts.method = bytes
            texts.target = bytes
            texts.referer = bytes
            texts.userAgent = bytes
            for format in AccessLogFormat.allCases {
                let text = line(format, texts)
                #expect(text.last == "\n")
                #expect(text.utf8.dropLast().allSatisfy { $0 >= 0x20 && $0 != 0x7F })
                if format == .json { #expect(try object(text)["status"] as? Int == 200) }
            }
        }
    }

    @Test("A field longer than the limit is cut and says so", arguments: AccessLogFormat.allCases)
    func longField(format: AccessLogFormat) {
        var texts = Texts()
        texts.target = [UInt8](repeating: 97, count: LogEscaping.maximumFieldLength + 1)
        let cut = String(repeating: "a", count: LogEscaping.maximumFieldLength) + "..."
        #expect(line(format, texts).contains(cut))
        texts.target.removeLast()
        #expect(!line(format, texts).contains("..."))
    }

    @Test("The calendar agrees with the system's over four centuries and their edges")
    func calendar() throws {
        var generator = SplitMix(state: 1)
        var moments: [Int64] = [0, 951_782_400, 951_868_799, 4_107_542_400, CalendarTime.latest]
        for _ in 0..<2000 { moments.append(Int64(generator.next() % 20_000_000_000)) }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
        for moment in moments {
            let date = Date(timeIntervalSince1970: Double(moment))
            let expected = calendar.dateComponents(
                [.year, .month, .day, .hour, .minute, .second],
                from: date
            )
            let time = CalendarTime(unixSeconds: moment)
            #expect(time.year == expected.year && time.month == expected.month, "\(moment)")
            #expect(time.day == expected.day && time.hour == expected.hour, "\(moment)")
            #expect(time.minute == expected.minute && time.second == expected.second, "\(moment)")
        }
        #expect(CalendarTime(unixSeconds: .max) == CalendarTime(unixSeconds: CalendarTime.latest))
        #expect(CalendarTime(unixSeconds: .min) == CalendarTime(unixSeconds: 0))
    }

    @Test("A formatter follows the clock from second to second and back")
    func seconds() {
        var timestamps = TimestampWriter()
        let buffer = Buffer()
        for moment: Int64 in [0, 999, 1000, 500, -5] {
            timestamps.appendInternet(unixMilliseconds: moment, to: buffer)
            buffer.append(UInt8(ascii: " "))
        }
        #expect(
            buffer.readable.string() == """
                1970-01-01T00:00:00.000Z 1970-01-01T00:00:00.999Z 1970-01-01T00:00:01.000Z \
                1970-01-01T00:00:00.500Z 1970-01-01T00:00:00.000Z\u{20}
                """
        )
    }
}

/// A generator with a seed, so that a failure repeats.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
