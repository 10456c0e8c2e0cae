import Bytes
import Foundation
import HTTP
import Testing

private func accept(_ value: String) -> AcceptEncoding {
    let bytes = Array(value.utf8)
    return AcceptEncoding(bytes.span)
}

private let all: [ContentCoding] = [.zstd, .brotli, .gzip, .deflate]

@Suite("RFC 9110 §12.5.3 Accept-Encoding")
struct AcceptEncodingTests {
    struct Case: CustomTestStringConvertible {
        var value: String
        var choice: ContentCoding?
        var identity = true
        var testDescription: String { value }
    }

    static let cases = [
        // The RFC's own examples.
        Case(value: "compress, gzip", choice: .gzip),
        Case(value: "", choice: nil),
        Case(value: "*", choice: .zstd),
        Case(value: "compress;q=0.5, gzip;q=1.0", choice: .gzip),
        Case(value: "gzip;q=1.0, identity; q=0.5, *;q=0", choice: .gzip),
        // What browsers and tools send.
        Case(value: "gzip, deflate, br, zstd", choice: .zstd),
        Case(value: "gzip, deflate, br", choice: .brotli),
        Case(value: "gzip, deflate", choice: .gzip),
        Case(value: "deflate, gzip, br, zstd", choice: .zstd),
        Case(value: "gzip,deflate", choice: .gzip),
        Case(value: "identity", choice: nil),
        Case(value: "br;q=1.0, gzip;q=0.8, *;q=0.1", choice: .brotli),
        Case(value: "gzip;q=1.0, deflate;q=0.6, identity;q=0.3", choice: .gzip),
        Case(value: "identity, gzip;q=0.5", choice: nil),
        Case(value: "identity;q=0.5, gzip;q=0.5", choice: .gzip),
        // Refusals.
        Case(value: "gzip, identity;q=0", choice: .gzip, identity: false),
        Case(value: "identity;q=0", choice: nil, identity: false),
        Case(value: "*;q=0", choice: nil, identity: false),
        Case(value: "*;q=0, identity", choice: nil),
        Case(value: "gzip;q=0, *", choice: .zstd),
        Case(value: "zstd;q=0, br;q=0.000, *;q=0.001", choice: .gzip),
        Case(value: "gzip;q=0", choice: nil),
        // Spelling.
        Case(value: "GZIP", choice: .gzip),
        Case(value: "x-gzip", choice: .gzip),
        Case(value: " , gzip ; Q=0.5 ,,", choice: .gzip),
        Case(value: "gzip;foo=bar;q=0", choice: nil),
        Case(value: "gzip;q=2, br;q=x, deflate;q=0.0001", choice: nil),
        Case(value: "gzip;q=0, gzip;q=0.2", choice: .gzip),
        Case(value: "brx, gzippy, xbr", choice: nil),
        // What needs a dictionary is for who names it.
        Case(value: "*, dcz;q=0", choice: .zstd),
    ]

    @Test("The coding that a response gets", arguments: cases)
    func choices(_ example: Case) {
        let accept = accept(example.value)
        #expect(accept.preferred(of: all) == example.choice)
        #expect(accept.acceptsIdentity == example.identity)
    }

    @Test("What needs a dictionary is only for who names it")
    func dictionary() {
        let offers: [ContentCoding] = [.dictionaryZstd] + all
        let chrome = accept("gzip, deflate, br, zstd, dcb, dcz")
        #expect(chrome.preferred(of: offers) == .dictionaryZstd)
        #expect(accept("gzip, br, zstd").preferred(of: offers) == .zstd)
        #expect(accept("*").preferred(of: offers) == .zstd)
        #expect(accept("dcb, *;q=0.1").preferred(of: offers) == .zstd)
        #expect(accept("br, DCZ;q=0.5").preferred(of: offers) == .brotli)
        #expect(accept("br;q=0.5, dcz;q=0").preferred(of: offers) == .brotli)
    }

    @Test("Equal weights are decided by the server's order")
    func order() {
        let value = accept("gzip, br, zstd;q=0.9")
        #expect(value.preferred(of: [.zstd, .brotli, .gzip]) == .brotli)
        #expect(value.preferred(of: [.zstd, .gzip, .brotli]) == .gzip)
        #expect(value.preferred(of: [.zstd]) == .zstd)
        #expect(value.preferred(of: []) == nil)
    }

    @Test("Several fields are one list, and none is another thing than an empty one")
    func fields() {
        var fields = FieldSection()
        let absent = AcceptEncoding(fields)
        #expect(!absent.isPresent && absent.acceptsIdentity && absent.accepts(.brotli))
        #expect(absent.preferred(of: all) == nil)
        for value in ["gzip;q=0.5", "br"] {
            fields.append(.acceptEncoding, value: Array(value.utf8).span)
        }
        #expect(AcceptEncoding(fields).preferred(of: [.gzip, .brotli]) == .brotli)
        #expect(accept("").isPresent)
        #expect(!accept("").accepts(.gzip))
    }
}

/// Negotiations collected by others.
struct EncodingVector: Decodable, CustomTestStringConvertible {
    struct Options: Decodable { var preferred: [String] }
    enum Argument: Decodable {
        case available([String])
        case options(Options)

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let list = try? value.decode([String].self) {
                self = .available(list)
            } else {
                self = .options(try value.decode(Options.self))
            }
        }
    }
    enum Want: Decodable {
        case one(String?)
        case several([String])

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let list = try? value.decode([String].self) {
                self = .several(list)
            } else {
                self = .one(value.decodeNil() ? nil : try value.decode(String.self))
            }
        }
    }
    var accept: String?
    var call: String
    var args: [Argument]
    var want: Want
    var testDescription: String { "\(accept ?? "(absent)") \(args)" }

    static let all: [EncodingVector] = {
        struct File: Decodable { var vectors: [EncodingVector] }
        let url = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../../shared/vectors/accept-encoding.json").standardizedFileURL
        guard let data = try? Data(contentsOf: url) else { return [] }
        return (try? JSONDecoder().decode(File.self, from: data).vectors) ?? []
    }()
}

@Suite("Negotiations collected by others", .enabled(if: !EncodingVector.all.isEmpty))
struct EncodingVectorTests {
    /// `compress` is no coding of this gateway: br plays its part.
    private func coding(_ name: String) -> ContentCoding? {
        let name = name.replacing("compress", with: "br")
        let bytes = Array(name.utf8)
        return ContentCoding.match(bytes.span)
    }

    @Test("The same answer", arguments: EncodingVector.all)
    func vector(_ vector: EncodingVector) throws {
        guard case .available(let names)? = vector.args.first else { return }
        let accept =
            vector.accept.map { Proxied.accept($0.replacing("compress", with: "br")) }
            ?? AcceptEncoding(FieldSection())
        func isAcceptable(_ name: String) -> Bool {
            guard let coding = coding(name) else { return accept.acceptsIdentity }
            return accept.weight(of: coding) > 0
        }
        switch vector.want {
        case .several(let wanted):
            #expect(Set(names.filter(isAcceptable)) == Set(wanted))
        case .one(let wanted):
            var offers = names
            var isOrdered = false
            if vector.args.count > 1, case .options(let options) = vector.args[1] {
                offers = options.preferred.filter(names.contains)
                offers += names.filter { !options.preferred.contains($0) }
                isOrdered = true
            }
            let choice = accept.preferred(of: offers.compactMap(coding))
            let identity = names.contains("identity") && accept.acceptsIdentity
            guard let wanted, let wantedCoding = coding(wanted) else {
                #expect(choice == nil)
                #expect(identity == (wanted == "identity"))
                return
            }
            let found = try #require(choice)
            // Among equals those vectors go by the client's order, this gateway by the server's.
            #expect(accept.weight(of: found) == accept.weight(of: wantedCoding))
            if isOrdered { #expect(found == wantedCoding) }
        }
    }

    private enum Proxied {
        static func accept(_ value: String) -> AcceptEncoding {
            let bytes = Array(value.utf8)
            return AcceptEncoding(bytes.span)
        }
    }
}

@Suite("Entity tags of coded content")
struct CodedEntityTagTests {
    private func mark(_ tag: String, _ mark: CodedEntityTag.Marked) -> String {
        let target = Buffer()
        let bytes = Array(tag.utf8)
        _ = CodedEntityTag.write(bytes.span, mark, to: target)
        let all = target.readable
        return all.string()
    }

    private func unmark(_ value: String) -> (String, CodedEntityTag.Marked?) {
        let target = Buffer()
        let bytes = Array(value.utf8)
        let mark = CodedEntityTag.writeOriginals(of: bytes.span, to: target)
        let all = target.readable
        return (all.string(), mark)
    }

    @Test("A strong tag becomes a weak one of its coding; all others stay")
    func write() {
        #expect(mark("\"abc\"", .coded(.gzip)) == "W/\"abc--gzip\"")
        #expect(mark("\"\"", .coded(.brotli)) == "W/\"--br\"")
        #expect(mark("\"abc\"", .decoded) == "W/\"abc--identity\"")
        #expect(mark("W/\"abc\"", .coded(.gzip)) == "W/\"abc\"")
        #expect(mark("\"abc\"", .dictionary(0x00A5_91F6)) == "W/\"abc--dcz-00a591f6\"")
        #expect(mark("abc", .coded(.gzip)) == "abc")
        #expect(mark("\"", .coded(.gzip)) == "\"")
    }

    static let marks: [CodedEntityTag.Marked] =
        ContentCoding.plain.map { .coded($0) }
        + [.decoded, .dictionary(0), .dictionary(.max), .dictionary(0xA591_A6D4)]

    @Test("What was marked comes back as it was", arguments: marks)
    func roundTrip(_ mark: CodedEntityTag.Marked) {
        let tags = [
            "\"abc\"", "\"\"", "\"a--gzip\"", "\"a,b\"", "\"--\"", "\"W/\"",
            "\"a--dcz-00000000\"",
        ]
        for tag in tags {
            let (original, found) = unmark(self.mark(tag, mark))
            #expect(original == tag)
            #expect(found == mark)
        }
    }

    @Test("Lists, and what is no mark")
    func lists() {
        #expect(unmark("*") == ("*", nil))
        #expect(unmark("\"a\", W/\"b\"") == ("\"a\", W/\"b\"", nil))
        #expect(unmark("\"x\",W/\"a--br\" , \"b--zstd\"").0 == "\"x\", \"a\", \"b\"")
        #expect(unmark("\"a-gzip\", \"a--gz\", gzip--gzip").1 == nil)
        #expect(unmark("W/\"a--identity\"") == ("\"a\"", .decoded))
        for tag in ["dcz", "dcz-", "dcz-a591a6d", "dcz-a591a6dg", "dcz-A591A6D4", "-dcz-a591a6d44"]
        {
            #expect(unmark("W/\"a--\(tag)\"").1 == nil)
        }
    }
}

@Suite("Sets of media types")
struct MediaTypeSetTests {
    @Test("Whole types, families and suffixes")
    func contains() throws {
        let set = try #require(MediaTypeSet(["text/*", "+json", "Application/JSON", "font/ttf"]))
        func has(_ type: String) -> Bool {
            let bytes = Array(type.utf8)
            return set.contains(bytes.span)
        }
        for type in [
            "text/html", "TEXT/HTML; charset=utf-8", " text/css ;a=b", "application/json",
            "application/problem+json", "application/ld+JSON;x=\"+y\"", "font/ttf",
        ] {
            #expect(has(type), "\(type)")
        }
        for type in [
            "", "text", "text/", "image/png", "application/jsonx", "application/json-seq", "+json",
            "font/ttf2", "xtext/html", "image/png;a=text/html", "a/b+jsonx",
        ] {
            #expect(!has(type) || type == "+json", "\(type)")
        }
        let all = try #require(MediaTypeSet(["*"]))
        let none: [UInt8] = []
        let isContained = all.contains(none.span)
        #expect(isContained)
    }

    @Test(
        "What is no pattern",
        arguments: ["", "text", "/x", "text/", "a b/c", "+", "te xt/*"]
    )
    func invalid(_ pattern: String) {
        #expect(MediaTypeSet([pattern]) == nil)
    }
}

@Suite("What becomes of a response's content")
struct CodingDecisionTests {
    @Test("Content-Encoding is read as the list that it is")
    func applied() {
        func applied(_ values: String...) -> AppliedCoding {
            var fields = FieldSection()
            for value in values { fields.append(.contentEncoding, value: Array(value.utf8).span) }
            return AppliedCoding(fields)
        }
        #expect(applied() == .none)
        #expect(applied("identity") == .none)
        #expect(applied("gzip") == .known(.gzip))
        #expect(applied("X-GZIP") == .known(.gzip))
        #expect(applied("identity, br") == .known(.brotli))
        #expect(applied("gzip, br") == .other)
        #expect(applied("gzip", "gzip") == .other)
        #expect(applied("exi") == .other)
    }

    @Test("Vary is added once, and not where everything varies")
    func vary() {
        var fields = FieldSection()
        for _ in 0..<2 { fields.addToVary("accept-encoding", spelling: "Accept-Encoding") }
        #expect(fields.count(of: .vary) == 1)
        var other = FieldSection()
        other.append(.vary, value: Array("*".utf8).span)
        other.addToVary("accept-encoding", spelling: "Accept-Encoding")
        #expect(other.count(of: .vary) == 1)
    }
}
