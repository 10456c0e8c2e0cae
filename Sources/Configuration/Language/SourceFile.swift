/// A run of bytes in a file: what a message points at.
struct Mark: Sendable, Hashable {
    /// The file, by its place in `Report.files`.
    let file: Int
    /// Its first byte.
    let offset: Int
    /// How many bytes.
    let length: Int
}

/// A file that was read, and where its lines begin.
struct SourceFile: Sendable {
    /// As it is named in messages.
    let name: String
    /// Its content.
    let bytes: [UInt8]
    private let lineStarts: [Int]

    init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
        var starts = [0]
        for (index, byte) in bytes.enumerated() where byte == 0x0A { starts.append(index + 1) }
        lineStarts = starts
    }

    /// The number of the line, from 0, that an offset lies in.
    private func lineIndex(_ offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low
    }

    private func lineRange(_ index: Int) -> Range<Int> {
        let start = lineStarts[index]
        var end = index + 1 < lineStarts.count ? lineStarts[index + 1] - 1 : bytes.count
        if end > start, bytes[end - 1] == 0x0D { end -= 1 }
        return start..<max(start, end)
    }

    /// The place of a mark, in lines and characters.
    func place(_ mark: Mark) -> Place {
        let offset = min(max(0, mark.offset), bytes.count)
        let index = lineIndex(offset)
        let line = lineRange(index)
        // A byte order mark is no character of the first line.
        let start = index == 0 && bytes.starts(with: byteOrderMark) ? 3 : line.lowerBound
        let before = scalars(min(start, offset)..<offset)
        // A mark over several lines is underlined on its first one.
        let end = max(offset, min(line.upperBound, offset + mark.length))
        return Place(
            file: name,
            fileNumber: mark.file,
            line: index + 1,
            column: before + 1,
            length: max(1, scalars(offset..<end))
        )
    }

    /// The text of the line that a mark begins on.
    func line(_ mark: Mark) -> String {
        let range = lineRange(lineIndex(min(max(0, mark.offset), bytes.count)))
        var line = bytes[range]
        if range.lowerBound == 0, line.starts(with: byteOrderMark) { line = line.dropFirst(3) }
        return String(decoding: line, as: UTF8.self)
    }

    private func scalars(_ range: Range<Int>) -> Int {
        String(decoding: bytes[range], as: UTF8.self).unicodeScalars.count
    }
}

/// What some editors put in front of UTF-8.
let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
