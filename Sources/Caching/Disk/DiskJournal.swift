import Bytes

/// The journal of a directory: what tells it from others, and the purges that its files are yet to
/// be held against.
///
/// ```
/// "GWCACHE" 0x02   8 bytes
/// identity        24 bytes: epoch and two seeds
/// purges           8 bytes: how many there had been when it was begun
/// checksum         4 bytes: of all that
/// records          each with its count, the same inverted, its checksum, and so many bytes
/// ```
package struct DiskJournal: Sendable {
    package let identity: DiskIdentity
    package var bans: DiskBans
    /// Bytes that are good: a record that a crash cut short is not among them.
    package private(set) var goodCount: Int

    private static let magic: [UInt8] = Array("GWCACHE".utf8) + [2]
    private static let headCount = 44
    /// Bytes before a record's own.
    ///
    /// The count stands there twice: one that a bit has made too large would look like a crash, and
    /// take all that follows along.
    private static let recordHead = 12
    /// Bytes of one record at most: a URL of the longest head, twice.
    private static let maximumRecord = 1 << 20

    /// Begins an empty one.
    package init(_ identity: DiskIdentity) {
        self.identity = identity
        bans = DiskBans()
        goodCount = 0
    }

    /// Reads one; nil if it is damaged, so that nobody knows what was purged.
    package init?(_ bytes: Span<UInt8>, checksum: RecordChecksum) {
        guard bytes.count >= Self.headCount,
            bytes.extracting(first: Self.magic.count).equals(Self.magic.span)
        else { return nil }
        var reader = RecordReader(bytes)
        _ = reader.take(Self.magic.count)
        identity = DiskIdentity(
            epoch: reader.number(UInt64.self),
            firstSeed: reader.number(UInt64.self),
            secondSeed: reader.number(UInt64.self)
        )
        bans = DiskBans(count: reader.number(UInt64.self))
        let sum = reader.number(UInt32.self)
        guard checksum(bytes.extracting(first: Self.headCount - 4)) == sum else { return nil }
        goodCount = Self.headCount
        while bytes.count - goodCount >= Self.recordHead {
            var reader = RecordReader(bytes.extracting(droppingFirst: goodCount))
            let length = reader.number(UInt32.self)
            let inverted = reader.number(UInt32.self)
            let sum = reader.number(UInt32.self)
            let count = Int(length)
            guard length == ~inverted, count <= Self.maximumRecord else { return nil }
            let start = goodCount + Self.recordHead
            // Cut short by a crash: its purge was never acknowledged.
            guard bytes.count - start >= count else { return }
            let body = bytes.extracting(start..<(start + count))
            guard checksum(body) == sum, let ban = Self.ban(body) else { return nil }
            bans.restore(ban)
            goodCount = start + count
        }
    }

    /// All of it as it stands in the file.
    package static func write(
        _ identity: DiskIdentity,
        _ bans: DiskBans,
        checksum: RecordChecksum
    ) -> [UInt8] {
        var out = RecordWriter()
        out.append(magic.span)
        out.append(identity.epoch)
        out.append(identity.firstSeed)
        out.append(identity.secondSeed)
        out.append(bans.count)
        let head = out.bytes
        out.append(checksum(head.span))
        for ban in bans.bans {
            let record = record(of: ban, checksum: checksum)
            out.append(record.span)
        }
        return out.bytes
    }

    /// One purge as it is appended.
    package static func record(of ban: DiskBans.Ban, checksum: RecordChecksum) -> [UInt8] {
        var body = RecordWriter()
        body.append(ban.number)
        body.append(ban.time)
        body.append(ban.isSoft ? 1 : 0 as UInt8)
        let (code, first, second) = parts(of: ban.purge)
        body.append(code)
        body.append(UInt32(first.count))
        body.append(first.span)
        body.append(second.span)
        var out = RecordWriter()
        let bytes = body.bytes
        out.append(UInt32(bytes.count))
        out.append(~UInt32(bytes.count))
        out.append(checksum(bytes.span))
        out.append(bytes.span)
        return out.bytes
    }

    private static func parts(of purge: Purge) -> (UInt8, [UInt8], [UInt8]) {
        switch purge {
        case .everything: (0, [], [])
        case .url(let url): (1, url, [])
        case .prefix(let prefix): (2, prefix, [])
        case .host(let host): (3, host, [])
        case .tag(let tag): (4, tag, [])
        case .group(let group, let origin): (5, group, origin)
        case .key(let key): (6, key, [])
        }
    }

    private static func ban(_ body: Span<UInt8>) -> DiskBans.Ban? {
        var reader = RecordReader(body)
        let number = reader.number(UInt64.self)
        let time = reader.time()
        let soft = reader.number(UInt8.self)
        let code = reader.number(UInt8.self)
        let first = reader.take(Int(reader.number(UInt32.self)))
        guard reader.isSound, soft <= 1, number < .max else { return nil }
        let second = reader.take(body.count - reader.position)
        let purge: Purge
        switch code {
        case 0: purge = .everything
        case 1: purge = .url(first)
        case 2: purge = .prefix(first)
        case 3: purge = .host(first)
        case 4: purge = .tag(first)
        case 5: purge = .group(first, origin: second)
        case 6: purge = .key(first)
        default: return nil
        }
        return DiskBans.Ban(number: number, purge: purge, isSoft: soft == 1, time: time)
    }
}
