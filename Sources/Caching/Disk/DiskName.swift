import Bytes

/// The key of a stored response as the disk knows it: 128 bits of a hash whose seeds stand in the
/// directory, so that it is the same after a restart and no client can choose it.
package struct DiskKey: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The folder of its files.
    package var folder: Int { Int(high >> 56) }
}

/// What a stored response's file is called: its key, and which of the key's variants it is.
package struct DiskName: Hashable, Sendable {
    /// Folders that the files are spread over, by the first byte of the key.
    package static let folders = 256
    /// Bytes of a name as text.
    package static let textCount = 48

    package let key: DiskKey
    /// Hash of the Vary lines; 0 where there are none.
    package let variant: UInt64

    package init(key: DiskKey, variant: UInt64) {
        self.key = key
        self.variant = variant
    }

    /// Reads a name; nil if the gateway never called a file so.
    package init?(_ text: Span<UInt8>) {
        guard text.count == Self.textCount else { return nil }
        var words: InlineArray<3, UInt64> = [0, 0, 0]
        for index in text.indices {
            let byte = text[index]
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte &- 0x30
            case 0x61...0x66: digit = byte &- 0x57
            default: return nil
            }
            words[index / 16] = words[index / 16] << 4 | UInt64(digit)
        }
        key = DiskKey(high: words[0], low: words[1])
        variant = words[2]
    }

    /// The name of a part of the same response: both may be there, as a part never takes the place
    /// of a whole.
    package var ofPart: DiskName { DiskName(key: key, variant: variant ^ 0x9E37_79B9_7F4A_7C15) }

    /// The name as text: lower-case hexadecimal digits.
    package var text: String {
        let buffer = Buffer()
        buffer.append(paddedHexadecimal: key.high)
        buffer.append(paddedHexadecimal: key.low)
        buffer.append(paddedHexadecimal: variant)
        let bytes = buffer.readable
        return bytes.string()
    }

    /// The folder's name and the file's, below the objects' directory.
    package var path: String { "\(Self.folderName(key.folder))/\(text)" }

    /// What a folder is called.
    package static func folderName(_ number: Int) -> String {
        let digits = String(number & 255, radix: 16)
        return digits.utf8.count == 1 ? "0" + digits : digits
    }
}

/// Makes names of keys and Vary lines.
package struct DiskNaming: Sendable {
    private let first: KeyHash
    private let second: KeyHash

    package init(_ identity: DiskIdentity) {
        first = KeyHash(seed: identity.firstSeed)
        second = KeyHash(seed: identity.secondSeed)
    }

    package func key(_ key: Span<UInt8>) -> DiskKey {
        DiskKey(high: first.hash(key), low: second.hash(key))
    }

    package func name(_ object: CachedResponse) -> DiskName {
        let vary = object.vary
        let whole = DiskName(
            key: key(object.key),
            variant: vary.isEmpty ? 0 : second.hash(vary)
        )
        return object.part == nil ? whole : whole.ofPart
    }
}

/// What a directory of stored responses is told apart by: made once, with its journal.
package struct DiskIdentity: Sendable, Equatable {
    /// Stands in every file: a file of another one is not ours.
    package let epoch: UInt64
    package let firstSeed: UInt64
    package let secondSeed: UInt64

    package init(epoch: UInt64, firstSeed: UInt64, secondSeed: UInt64) {
        self.epoch = epoch
        self.firstSeed = firstSeed
        self.secondSeed = secondSeed
    }

    /// The directory of its files.
    ///
    /// It names the version of their form, so that those of an older one are a stranger's, and go.
    package var folder: String {
        let digits = String(epoch, radix: 16)
        let epoch = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        return Self.folderStart + epoch + ".\(StoredRecord.version)"
    }

    /// What such directories' names begin with; 16 digits follow, and perhaps a version.
    package static let folderStart = "objects-"

    /// Whether a name is that of such a directory, of whatever identity and version.
    package static func isFolder(_ name: String) -> Bool {
        guard name.hasPrefix(folderStart) else { return false }
        let rest = name.utf8.dropFirst(folderStart.utf8.count)
        let isHexadecimal = rest.prefix(16).allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
        }
        guard rest.count >= 16, isHexadecimal else { return false }
        let version = rest.dropFirst(16)
        return version.isEmpty
            || version.first == 0x2E && version.count > 1
                && version.dropFirst().allSatisfy { (0x30...0x39).contains($0) }
    }
}
