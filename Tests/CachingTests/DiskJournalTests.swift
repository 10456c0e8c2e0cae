import Testing

@testable import Caching

private let identity = DiskIdentity(epoch: 7, firstSeed: 8, secondSeed: 9)

private func journal() -> [UInt8] {
    var bans = DiskBans(count: 40)
    let purges: [Purge] = [
        .url(bytes("http://a/x")), .prefix(bytes("http://a/")), .host(bytes("a")),
        .tag(bytes("t")), .group(bytes("g"), origin: bytes("http://a")),
        .key(bytes("s\nhttp://a/")),
    ]
    for (number, purge) in purges.enumerated() {
        _ = bans.add(purge, isSoft: number % 2 == 1, time: Int64(number))
    }
    return DiskJournal.write(identity, bans, checksum: checksum)
}

/// A journal that was read; nil: it is damaged.
private func read(_ bytes: [UInt8]) -> DiskJournal? {
    DiskJournal(bytes.span, checksum: checksum)
}

@Suite("The journal of purges")
struct DiskJournalTests {
    @Test("What is written is read again, also in pieces")
    func roundTrip() throws {
        let whole = try #require(read(journal()))
        #expect(whole.identity == identity)
        #expect(whole.bans.count == 46 && whole.bans.bans.count == 6)
        #expect(whole.bans.bans[4].purge == .group(bytes("g"), origin: bytes("http://a")))
        #expect(whole.bans.bans[1].isSoft && !whole.bans.bans[0].isSoft)
        var bans = DiskBans()
        var written = DiskJournal.write(identity, bans, checksum: checksum)
        for tag in ["one", "two"] {
            let ban = bans.add(.tag(bytes(tag)), isSoft: false, time: 5)
            written += DiskJournal.record(of: ban, checksum: checksum)
        }
        let both = try #require(read(written))
        #expect(both.bans.bans == bans.bans && both.bans.count == 2)
    }

    @Test("A record that a crash cut short is left out; those before it hold")
    func cutShort() throws {
        let all = journal()
        let whole = try #require(read(all))
        #expect(whole.goodCount == all.count)
        for count in 0..<all.count {
            let journal = read(Array(all.prefix(count)))
            if count < 44 {
                #expect(journal == nil)
            } else {
                let found = try #require(journal).bans.bans
                #expect(found == Array(whole.bans.bans.prefix(found.count)))
                #expect(found.count < 6)
            }
        }
    }

    @Test("No flipped bit loses or changes a purge: the journal is damaged")
    func flippedBits() {
        let all = journal()
        for place in all.indices {
            for bit in 0..<8 {
                var damaged = all
                damaged[place] ^= 1 << UInt8(bit)
                #expect(read(damaged) == nil, "byte \(place), bit \(bit)")
            }
        }
    }
}

@Suite("Purges that files are held against")
struct DiskBansTests {
    @Test("A purge means what was stored before it, and nothing after")
    func order() {
        var bans = DiskBans()
        let key = bytes("s\nhttp://a/x")
        let head = bytes("HTTP/1.1 200 OK\r\nCache-Tag: t\r\n")
        func verdict(_ purges: UInt64) -> DiskBans.Verdict {
            bans.verdict(key: key.span, head: head.span, purges: purges)
        }
        #expect(verdict(0) == .unaffected)
        _ = bans.add(.tag(bytes("t")), isSoft: true, time: 50)
        _ = bans.add(.tag(bytes("t")), isSoft: true, time: 60)
        #expect(verdict(0) == .stale(50))
        #expect(verdict(1) == .stale(60))
        #expect(verdict(2) == .unaffected)
        _ = bans.add(.host(bytes("b")), isSoft: false, time: 70)
        #expect(verdict(0) == .stale(50))
        _ = bans.add(.prefix(bytes("http://a/")), isSoft: false, time: 80)
        #expect(verdict(0) == .removed && verdict(3) == .removed)
        #expect(verdict(4) == .unaffected)
        bans.forget(upTo: 3)
        #expect(bans.bans.count == 1 && bans.count == 4)
    }

    @Test("With too many of them everything is taken as purged")
    func bound() {
        var bans = DiskBans()
        for number in 0...DiskBans.maximumCount {
            _ = bans.add(.tag(bytes("t\(number)")), isSoft: true, time: 1)
        }
        #expect(bans.bans.count == 1)
        func verdict(_ purges: Int) -> DiskBans.Verdict {
            let none: [UInt8] = []
            return bans.verdict(key: none.span, head: none.span, purges: UInt64(purges))
        }
        #expect(verdict(DiskBans.maximumCount) == .removed)
        #expect(verdict(DiskBans.maximumCount + 1) == .unaffected)
    }
}
