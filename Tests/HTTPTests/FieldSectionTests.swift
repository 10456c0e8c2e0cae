import Bytes
import HTTP
import Testing

@Suite("Field sections")
struct FieldSectionTests {
    private func section(_ pairs: [(String, String)]) -> FieldSection {
        var section = FieldSection()
        for (name, value) in pairs {
            section.append(name: Array(name.utf8).span, value: Array(value.utf8).span)
        }
        return section
    }

    @Test("Fields are found by name, first and next")
    func find() {
        let fields = section([("a", "1"), ("Cookie", "2"), ("B", "3"), ("cookie", "4")])
        #expect(fields.first(.cookie) == 1)
        #expect(fields.next(.cookie, from: 2) == 3)
        #expect(fields.next(.cookie, from: 4) == nil)
        #expect(fields.count(of: .cookie) == 2)
        #expect(fields.first(.host) == nil)
        #expect(fields.first(named: Array("b".utf8).span) == 2)
        #expect(fields.first(named: Array("COOKIE".utf8).span) == 1)
        #expect(fields.first(named: Array("c".utf8).span) == nil)
        #expect(fields.value(at: 3).string() == "4")
        #expect(fields.name(at: 3).string() == "cookie")
    }

    @Test("Removed fields are not found, and the others keep their numbers")
    func remove() {
        var fields = section([("Cookie", "1"), ("X", "2"), ("Cookie", "3"), ("Y", "4")])
        fields.remove(at: 0)
        #expect(fields.first(.cookie) == 2)
        fields.remove(at: 2)
        #expect(!fields.contains(.cookie))
        #expect(fields.first(.cookie) == nil)
        #expect(fields.count == 4)
        fields.remove(at: 1)
        #expect(fields.first(named: Array("x".utf8).span) == nil)
        #expect(fields.first(named: Array("y".utf8).span) == 3)
        fields.append(.cookie, value: Array("5".utf8).span)
        #expect(fields.first(.cookie) == 4)
        fields.append(.other, value: Array("6".utf8).span)
        #expect(fields.count == 5)
        fields.removeAll()
        #expect(fields.isEmpty)
        #expect(fields.byteCount == 0)
        #expect(!fields.contains(.cookie))
    }

    @Test("A copy is a value of its own")
    func copies() {
        let first = section([("A", "1")])
        var second = first
        second.remove(at: 0)
        #expect(first.isPresent(at: 0))
        #expect(!second.isPresent(at: 0))
    }
}
