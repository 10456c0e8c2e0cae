import Configuration
import Testing

/// Files that are no plain text, and plain text in unusual clothes.
@Suite("gateway.conf, bytes of a file")
struct TextTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let message: String?

        init(_ description: String, _ bytes: [UInt8], _ message: String?) {
            testDescription = description
            self.bytes = bytes
            self.message = message
        }
    }

    static let good = Array("site * { listen :80; respond 200 }\n".utf8)

    static let cases: [Case] = [
        Case("plain", good, nil),
        Case("without a last line end", good.dropLast(), nil),
        Case("byte order mark", [0xEF, 0xBB, 0xBF] + good, nil),
        Case(
            "CRLF",
            Array("site * {\r\n\tlisten :80 # c\r\n\trespond 200 \\\r\nx\r\n}\r\n".utf8),
            nil
        ),
        Case("NUL", good + [0], "a NUL byte"),
        Case("escape character", good + [0x1B], "a control character: 0x1b"),
        Case("delete", good + [0x7F], "a control character: 0x7f"),
        Case(
            "bare CR",
            Array("site * {\rlisten :80\r}".utf8),
            "a carriage return without a line feed"
        ),
        Case("Latin-1", good + [0x23, 0xFC], "a byte that is not UTF-8: 0xfc"),
        Case("overlong", good + [0x23, 0xC0, 0xAF], "a byte that is not UTF-8: 0xc0"),
        Case("surrogate", good + [0x23, 0xED, 0xA0, 0x80], "a byte that is not UTF-8: 0xed"),
        Case("cut short", good + [0x23, 0xE2, 0x82], "a byte that is not UTF-8: 0xe2"),
        Case(
            "beyond Unicode",
            good + [0x23, 0xF4, 0x90, 0x80, 0x80],
            "a byte that is not UTF-8: 0xf4"
        ),
        Case("UTF-16", [0xFF, 0xFE] + good.flatMap { [$0, 0] }, "the file is UTF-16"),
    ]

    @Test("Bytes that are no text are named", arguments: cases)
    func bytes(_ row: Case) {
        var first: String?
        do throws(InvalidConfiguration) {
            _ = try Configuration.load("c", access: access(bytes: ["c": row.bytes]))
        } catch {
            first = error.diagnostics.first?.message
        }
        #expect(first == row.message)
    }

    @Test("A file that cannot be read is named without a line")
    func missing() {
        #expect(throws: InvalidConfiguration.self) {
            _ = try Configuration.load("none.conf", access: access([:]))
        }
        do throws(InvalidConfiguration) {
            _ = try Configuration.load("none.conf", access: access([:]))
        } catch {
            #expect(
                error.description == "none.conf: error: cannot be read: No such file or directory\n"
            )
        }
    }

    @Test("A file beyond the limit is refused")
    func large() {
        let huge = [UInt8](repeating: 0x0A, count: (16 << 20) + 1)
        do throws(InvalidConfiguration) {
            _ = try Configuration.load("c", access: access(bytes: ["c": huge]))
            Issue.record("loaded")
        } catch {
            #expect(error.description == "c: error: is larger than 16 MiB\n")
        }
    }

    @Test("Files that include each other without end stop at a limit")
    func includeBomb() {
        // Two inclusions in each of ten files would be a thousand readings of the last one.
        var files = ["gateway.conf": "include 0\ninclude 0\n"]
        for number in 0..<9 {
            files["\(number)"] = "include \(number + 1)\ninclude \(number + 1)\n"
        }
        files["9"] = "workers 1\n"
        let found = diagnostics(files["gateway.conf"] ?? "", files: files)
        #expect(
            found.contains {
                $0.message.contains("more than 1000 files") || $0.message.contains("10 deep")
            }
        )
    }
}
