import Testing

@testable import Addressing

/// A generator whose seed a failing test can name.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

@Suite("Longest prefix: NetworkMap and NetworkSet")
struct NetworkMapTests {
    @Test("the most specific network decides, whatever the order")
    func mostSpecific() {
        let entries: [(network: Network, value: String)] = [
            (network("10.1.2.3/32"), "host"), (network("10.0.0.0/8"), "wide"),
            (network("0.0.0.0/0"), "all"), (network("10.1.0.0/16"), "narrow"),
            (network("10.1.0.0/24"), "first"), (network("10.255.0.0/16"), "last"),
            (network("2001:db8::/32"), "six"), (network("2001:db8::/48"), "first six"),
        ]
        for map in [NetworkMap(entries), NetworkMap(entries.reversed())] {
            #expect(map.value(for: ip("10.1.2.3")) == "host")
            #expect(map.value(for: ip("::ffff:10.1.2.3")) == "host")
            #expect(map.value(for: ip("10.1.2.4")) == "narrow")
            #expect(map.value(for: ip("10.1.0.9")) == "first")
            #expect(map.value(for: ip("10.1.1.0")) == "narrow")
            #expect(map.value(for: ip("10.2.0.0")) == "wide")
            #expect(map.value(for: ip("10.255.255.255")) == "last")
            #expect(map.value(for: ip("11.0.0.0")) == "all")
            #expect(map.value(for: ip("255.255.255.255")) == "all")
            #expect(map.value(for: ip("2001:db8::1")) == "first six")
            #expect(map.value(for: ip("2001:db8:1::1")) == "six")
            #expect(map.value(for: ip("2001:db9::1")) == nil)
            #expect(map.value(for: ip("::1")) == nil)
        }
    }

    @Test("of two equal networks the later one counts; an empty map has no value")
    func repeated() {
        let map = NetworkMap([(network("10.0.0.0/8"), 1), (network("10.0.0.0/8"), 2)])
        #expect(map.value(for: ip("10.0.0.1")) == 2)
        let empty = NetworkMap<Int>([])
        #expect(empty.isEmpty && empty.value(for: ip("10.0.0.1")) == nil)
        #expect(NetworkSet.empty.isEmpty && !NetworkSet.empty.contains(ip("10.0.0.1")))
    }

    @Test("agrees with looking through all networks one by one", arguments: 0..<40)
    func agreesWithScan(_ seed: UInt64) {
        var random = SeededGenerator(state: seed)
        // Few distinct bits, so that networks nest, touch and repeat.
        let blocks = (0..<Int.random(in: 1...60, using: &random)).map { _ in
            let isIPv4 = Bool.random(using: &random)
            let bits =
                UInt32.random(in: 0...15, using: &random) << 28
                | UInt32.random(in: 0...3, using: &random)
            let address = isIPv4 ? IPAddress(v4: bits) : IPAddress(high: UInt64(bits) << 32, low: 0)
            let length = Int.random(in: 0...address.bitWidth, using: &random)
            return Network(containing: address, prefixLength: length) ?? Network(address)
        }
        let map = NetworkMap(blocks.enumerated().map { ($0.element, $0.offset) })
        let set = NetworkSet(blocks)
        for _ in 0..<300 {
            let block = blocks.randomElement(using: &random) ?? blocks[0]
            let near = Bool.random(using: &random) ? block.address : block.last
            let step = UInt64.random(in: 0...2, using: &random)
            let probe =
                near.isIPv4
                ? IPAddress(v4: UInt32(truncatingIfNeeded: near.low &+ step &- 1))
                : IPAddress(high: near.high, low: near.low &+ step &- 1)
            let expected = blocks.indices.filter { blocks[$0].contains(probe) }
                .max { (blocks[$0].prefixLength, $0) < (blocks[$1].prefixLength, $1) }
            #expect(map.value(for: probe) == expected, "seed \(seed), \(probe) in \(blocks)")
            #expect(set.contains(probe) == (expected != nil), "seed \(seed), \(probe)")
        }
    }

    @Test("compiles 100,000 networks, and overlapping ones melt into one range")
    func many() {
        let blocks = (0..<100_000).map { Network(IPAddress(v4: UInt32($0) * 2)) }
        let set = NetworkSet(blocks)
        #expect(set.contains(IPAddress(v4: 199_998)) && !set.contains(IPAddress(v4: 199_999)))
        #expect(set.contains(IPAddress(v4: 0)) && !set.contains(IPAddress(v4: 1)))
        let table = RangeTable<UInt32>([
            .init(first: 0, last: 99, payload: 0), .init(first: 10, last: 19, payload: 0),
            .init(first: 100, last: 199, payload: 0),
        ])
        #expect(table.starts == [0, 200])
    }
}
