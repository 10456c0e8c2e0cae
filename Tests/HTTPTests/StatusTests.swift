import HTTP
import Testing

@Suite("RFC 9110 §9 methods and §15 status codes")
struct StatusTests {
    @Test("Methods are matched by their exact bytes")
    func methods() {
        for method in Method.allCases where method != .other {
            #expect(Method.match(Array(method.name.description.utf8).span) == method)
            #expect(Method.match(Array(method.name.description.lowercased().utf8).span) == .other)
            #expect(Method.match(Array((method.name.description + "X").utf8).span) == .other)
        }
        #expect(Method.match(Array("PUX".utf8).span) == .other)
        #expect(Method.match([UInt8]().span) == .other)
    }

    @Test("Safe methods are idempotent")
    func safety() {
        for method in Method.allCases where method.isSafe { #expect(method.isIdempotent) }
        #expect(Method.put.isIdempotent && !Method.put.isSafe)
        #expect(!Method.post.isIdempotent && !Method.other.isIdempotent)
    }

    @Test("Codes have classes and reasons")
    func codes() {
        #expect(Status.classOf(99) == nil)
        #expect(Status.classOf(600) == nil)
        #expect(Status.classOf(103) == .informational)
        #expect(Status.classOf(599) == .serverError)
        #expect(Status.reason(413).description == "Content Too Large")
        #expect(Status.reason(299).description.isEmpty)
        #expect(
            Status.forbidsContent(100) && Status.forbidsContent(204) && Status.forbidsContent(304)
        )
        #expect(!Status.forbidsContent(200) && !Status.forbidsContent(205))
    }
}
