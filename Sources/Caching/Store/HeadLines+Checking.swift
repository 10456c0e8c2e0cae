import Bytes
import HTTP

extension HeadLines {
    /// Whether lines are such as `write` writes: a status line, then fields of which none says
    /// anything about one connection or about framing.
    static func isWellFormed(_ head: Span<UInt8>, status: Int) -> Bool {
        var line: [UInt8] = Array("HTTP/1.1 \(status) ".utf8)
        guard head.count >= line.count + 2, head.extracting(first: line.count).equals(line.span),
            head[head.count - 2] == 0x0D, head[head.count - 1] == 0x0A
        else { return false }
        line.removeAll()
        var start = 0
        var isFirst = true
        while start < head.count {
            var end = start
            while end < head.count, head[end] != 0x0D { end += 1 }
            guard end + 1 < head.count, head[end + 1] == 0x0A else { return false }
            let text = head.extracting(start..<end)
            start = end + 2
            if isFirst {
                guard Characters.isFieldValue(text.extracting(droppingFirst: 13)) else {
                    return false
                }
                isFirst = false
                continue
            }
            guard isField(text) else { return false }
        }
        return true
    }

    private static let forbidden = unstored.union(.hopByHop)

    private static func isField(_ line: Span<UInt8>) -> Bool {
        guard let colon = line.firstIndex(of: 0x3A), colon + 1 < line.count,
            line[colon + 1] == 0x20
        else { return false }
        let name = line.extracting(first: colon)
        return Characters.isToken(name) && !forbidden.contains(FieldName.match(name))
            && Characters.isFieldValue(line.extracting(droppingFirst: colon + 2))
    }
}
