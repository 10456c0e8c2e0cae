import Bytes
import HTTP
import Testing

@Suite("Field names")
struct FieldNameTests {
    @Test("Every known name is matched in any case, and only as a whole")
    func match() {
        for known in FieldName.allCases where known != .other {
            let name = Array(known.canonical.description.utf8)
            #expect(FieldName.match(name.span) == known)
            #expect(
                FieldName.match(Array(known.canonical.description.lowercased().utf8).span) == known
            )
            #expect(
                FieldName.match(Array(known.canonical.description.uppercased().utf8).span) == known
            )
            #expect(FieldName.match(name.span.extracting(first: name.count - 1)) != known)
            #expect(FieldName.match((name + [0x58]).span) != known)
        }
        #expect(FieldName.match([UInt8]().span) == .other)
        #expect(FieldName.match(Array("x-unknown".utf8).span) == .other)
    }

    @Test("One byte changed to any other is another name")
    func neighbours() {
        for known in FieldName.allCases where known != .other {
            let name = Array(known.canonical.description.utf8)
            for index in name.indices {
                for byte in UInt8.min...UInt8.max {
                    var changed = name
                    changed[index] = byte
                    let same = asciiLowercase(byte) == asciiLowercase(name[index])
                    #expect((FieldName.match(changed.span) == known) == same)
                }
            }
        }
    }

    @Test("Sets hold what was put in")
    func sets() {
        var set = FieldNameSet()
        #expect(set.isEmpty)
        for known in FieldName.allCases {
            #expect(!set.contains(known))
            set.insert(known)
            #expect(set.contains(known))
        }
        set.remove(.host)
        #expect(!set.contains(.host))
        #expect(set.contains(.connection))
        #expect(FieldNameSet.hopByHop.contains(.te))
        #expect(!FieldNameSet.hopByHop.contains(.trailer))
        #expect(([.host] as FieldNameSet).union([.via]) == [.via, .host])
    }
}
