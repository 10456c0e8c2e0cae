import Bytes
import Testing

@testable import Caching

private let identity = DiskIdentity(epoch: 7, firstSeed: 8, secondSeed: 9)

@Suite("Names of stored responses")
struct DiskNameTests {
    @Test("A name is read as it was written, and nothing else is")
    func names() {
        let name = DiskName(key: DiskKey(high: 0xAB00_0000_0000_0001, low: 2), variant: .max)
        let text = name.text
        #expect(text == "ab000000000000010000000000000002ffffffffffffffff")
        func read(_ text: String) -> DiskName? { DiskName(bytes(text).span) }
        #expect(read(text) == name)
        #expect(name.path == "ab/" + text)
        for wrong in ["", "new", "lock", text.uppercased(), text + "0", String(text.dropLast())] {
            #expect(read(wrong) == nil, "\(wrong)")
        }
    }

    @Test("A part and a whole of the same variant have names of their own")
    func parts() {
        let naming = DiskNaming(identity)
        for vary in ["", "accept-language:=de\n"] {
            let whole = object("k", hash: 1, vary: vary)
            var draft = whole.draft(timing: whole.timing)
            draft.part = .init(start: 0, total: 5)
            let part = CachedResponse(draft, content: [], contentCount: 0)
            #expect(naming.name(part) != naming.name(whole))
            #expect(naming.name(part) == naming.name(whole).ofPart)
            #expect(naming.name(part).key == naming.name(whole).key)
        }
    }

    @Test(
        "Folders of other identities and of other versions are known as such, and nothing else is",
        arguments: [
            ("objects-0000000000000007", true), ("objects-0000000000000007.3", true),
            ("objects-00000000000000ff.12", true), ("objects-0000000000000007.", false),
            ("objects-0000000000000007.x", false), ("objects-000000000000007", false),
            ("objects-000000000000000G", false), ("objects-", false), ("objects", false),
            ("lost+found", false), ("objects-00000000000000073", false),
        ]
    )
    func folders(name: String, isOne: Bool) {
        #expect(DiskIdentity.isFolder(name) == isOne)
    }

    @Test("Variants of a key are kept apart, and the seeds decide where a key falls")
    func naming() {
        let naming = DiskNaming(identity)
        let plain = object("k", hash: 1)
        let german = object("k", hash: 1, vary: "accept-language:=de\n")
        #expect(naming.name(plain).key == naming.name(german).key)
        #expect(naming.name(plain) != naming.name(german))
        #expect(naming.name(plain).variant == 0)
        let other = DiskNaming(DiskIdentity(epoch: 7, firstSeed: 1, secondSeed: 9))
        #expect(other.name(plain).key != naming.name(plain).key)
        #expect(identity.folder == "objects-0000000000000007.3")
    }
}
