import Bytes
import HTTP
import Testing

@testable import Caching

@Suite("The store")
struct StoreTests {
    private func find(_ store: CacheStore, _ key: String, _ request: FieldSection = FieldSection())
        -> CachedResponse?
    {
        var scratch: [UInt8] = []
        let key = bytes(key)
        return store.find(
            key.span,
            hash: store.hash(key.span),
            request: request,
            scratch: &scratch
        )
    }

    private func put(_ store: CacheStore, _ key: String, size: Int = 100, vary: String = "") {
        store.insert(object(key, hash: store.hash(bytes(key).span), size: size, vary: vary))
    }

    @Test("agrees with a simple model, whatever is put in and taken out", arguments: 1...20)
    func model(seed: UInt64) {
        var chance = Chance(seed: seed)
        let store = CacheStore(budget: 1 << 20, objectLimit: 100_000, seed: seed)
        var model: [String: Int] = [:]
        for _ in 0..<3000 {
            let key = "key\(Int.random(in: 0..<300, using: &chance))"
            switch Int.random(in: 0..<10, using: &chance) {
            case 0..<5:
                let size = Int.random(in: 0...60_000, using: &chance)
                put(store, key, size: size)
                model[key] = size
            case 5:
                store.invalidate(bytes(key).span, hash: store.hash(bytes(key).span))
                model[key] = nil
            default:
                // It may have given way, but what is there is right.
                if let found = find(store, key) {
                    #expect(found.contentCount == model[key], "seed \(seed)")
                }
            }
            #expect(store.figures.bytes <= store.budget, "seed \(seed)")
        }
        var bytesHeld = 0
        var held = 0
        store.scan { object, _ in
            bytesHeld += object.cost
            held += 1
        }
        #expect(store.figures.bytes == bytesHeld)
        #expect(store.figures.objects == held)
        for key in model.keys {
            store.invalidate(bytes(key).span, hash: store.hash(bytes(key).span))
        }
        #expect(
            store.figures
                == {
                    var empty = CacheFigures()
                    empty.budget = store.budget
                    empty.evictions = store.figures.evictions
                    return empty
                }()
        )
    }

    @Test("keeps what is asked for while much is asked for once")
    func scanResistance() {
        let store = CacheStore(budget: 1 << 20, objectLimit: 10_000, seed: 1)
        for round in 0..<3 {
            for hot in 0..<50 {
                if find(store, "hot\(hot)") == nil { put(store, "hot\(hot)", size: 5000) }
            }
            if round == 1 { continue }
        }
        for cold in 0..<2000 {
            put(store, "cold\(cold)", size: 5000)
            if cold % 20 == 0 { for hot in 0..<50 { _ = find(store, "hot\(hot)") } }
        }
        let kept = (0..<50).count { find(store, "hot\($0)") != nil }
        #expect(kept >= 45)
    }

    @Test("keeps variants apart, and replaces the same one")
    func variants() {
        let store = CacheStore(budget: 1 << 20, objectLimit: 1000, seed: 1)
        put(store, "k", size: 1, vary: "foo:=1\n")
        put(store, "k", size: 2, vary: "foo:=2\n")
        #expect(find(store, "k", fields(("Foo", "1")))?.contentCount == 1)
        #expect(find(store, "k", fields(("Foo", "2")))?.contentCount == 2)
        #expect(find(store, "k") == nil)
        put(store, "k", size: 3, vary: "foo:=2\n")
        #expect(find(store, "k", fields(("Foo", "2")))?.contentCount == 3)
        #expect(store.figures.objects == 2)
    }

    @Test("purges by URL, prefix, host, tag and group, hard and soft")
    func purges() {
        let store = CacheStore(budget: 1 << 20, objectLimit: 1000, seed: 1)
        func fill() {
            for (key, tag) in [
                ("s\nhttp://a/x", "Cache-Tag: one, two"),
                ("s\nhttp://a/x/y", "Surrogate-Key: two 3"),
                ("s\nhttp://b/x", "Cache-Groups: \"one\""),
            ] {
                let hash = store.hash(bytes(key).span)
                store.insert(object(key, hash: hash, head: "HTTP/1.1 200 OK\r\n\(tag)\r\n"))
            }
        }
        func count(_ purge: Purge) -> Int {
            fill()
            return store.purge(purge, soft: false, now: now * 1000)
        }
        #expect(count(.url(bytes("http://a/x"))) == 1)
        #expect(count(.prefix(bytes("http://a/"))) == 2)
        #expect(count(.host(bytes("b"))) == 1)
        #expect(count(.tag(bytes("two"))) == 2)
        #expect(count(.tag(bytes("one"))) == 2)
        #expect(count(.tag(bytes("tw"))) == 0)
        #expect(count(.group(bytes("one"), origin: bytes("http://b"))) == 1)
        #expect(count(.group(bytes("one"), origin: bytes("http://a"))) == 0)
        #expect(count(.everything) == 3)
        fill()
        #expect(store.purge(.everything, soft: true, now: now * 1000 + 5000) == 3)
        let stale = find(store, "s\nhttp://a/x")
        #expect(stale?.timing.remaining(now: now * 1000 + 5000) ?? 1 <= 0)
    }

    @Test("does not store what a purge meant while it was fetched")
    func purgeDuringFetch() {
        let store = CacheStore(budget: 1 << 20, objectLimit: 1000, seed: 1)
        func fetch(during: () -> Void) -> Bool {
            let key = bytes("s\nhttp://a/x")
            let turn = store.join(
                key.span,
                hash: store.hash(key.span),
                mayFollow: true,
                request: FieldSection(),
                patience: 1000,
                now: now * 1000
            )
            guard case .lead(let fill) = turn else { return false }
            let made = object("s\nhttp://a/x", hash: fill.hash)
            fill.begin(made.draft(timing: made.timing), length: 1)
            during()
            fill.append(bytes("a").span)
            defer { store.land(fill) }
            return store.complete(fill)
        }
        #expect(fetch {})
        #expect(!fetch { store.purge(.url(bytes("http://a/x")), soft: false, now: now * 1000) })
        #expect(fetch { store.purge(.url(bytes("http://a/z")), soft: false, now: now * 1000) })
        #expect(
            !fetch {
                let key = bytes("s\nhttp://a/x")
                store.invalidate(key.span, hash: store.hash(key.span))
            }
        )
    }

    @Test("lets others follow a fetch that is complete and not yet stored")
    func followsToTheEnd() {
        let store = CacheStore(budget: 1 << 20, objectLimit: 1000, seed: 1)
        let key = bytes("s\nhttp://a/x")
        func join() -> CacheStore.Turn {
            store.join(
                key.span,
                hash: store.hash(key.span),
                mayFollow: true,
                request: FieldSection(),
                patience: 1000,
                now: now * 1000
            )
        }
        guard case .lead(let fill) = join() else {
            Issue.record("somebody else leads")
            return
        }
        let made = object("s\nhttp://a/x", hash: fill.hash)
        fill.begin(made.draft(timing: made.timing), length: 1)
        fill.append(bytes("a").span)
        #expect(fill.finish() != nil)
        if case .follow(let other) = join() {
            #expect(other === fill)
        } else {
            Issue.record("it is asked for again")
        }
        store.land(fill)
        if case .follow = join() { Issue.record("what has landed is followed") }
    }

    @Test("a large content is read whole from its chunks")
    func chunks() {
        let size = CachedResponse.chunkSize * 3 + 17
        let large = object("k", hash: 1, size: size)
        let buffer = Buffer()
        var offset = 0
        while offset < size { offset += large.append(from: offset, atMost: 50_000, to: buffer) }
        #expect(buffer.count == size)
        #expect(large.append(from: size, atMost: 1, to: buffer) == 0)
    }
}
