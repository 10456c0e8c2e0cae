import HTTP

/// How far the reading of a head has come, so that a head that arrives byte by byte costs no more
/// than a few looks at each byte.
///
/// Lines that are whole are read once and never again. The line that is not whole is read anew only
/// when a byte has come that can end it or spoil it; the bytes before have been looked at.
struct HeadProgress: Sendable {
    /// Which line comes next.
    enum Stage { case start, fields }

    var stage = Stage.start
    /// Empty lines before the start line, in bytes.
    var leading = 0
    /// Where the line that comes next starts.
    var lineStart = 0
    /// Up to where that line is known to hold nothing that could end or spoil it.
    var scanned = 0

    /// Whether the line could be decided now, which it cannot while no control character is new.
    mutating func mayDecide(_ input: Span<UInt8>, to end: Int) -> Bool {
        guard scanned > lineStart else { return true }
        guard scanned < end else { return false }
        let stop = input.firstControl(from: scanned, to: end)
        if stop == end {
            scanned = end
            return false
        }
        return true
    }

    /// Remembers what has been looked at: all but a CR at the very end, which waits for its LF.
    mutating func interrupted(_ input: Span<UInt8>, at end: Int) {
        scanned = end > lineStart && input[end - 1] == 0x0D ? end - 1 : end
    }

    /// Reads field lines from the line that comes next to the end of the section, behind which
    /// `lineStart` stands then.
    mutating func readFields(
        _ input: Span<UInt8>,
        to end: Int,
        limit: Int,
        into section: inout FieldSection
    ) throws(Interruption) {
        var position = lineStart
        do throws(Interruption) {
            while true {
                let line = try FieldLines.read(input, from: position, to: end, origin: leading)
                switch line {
                case .field(let known, let name, let value, let next):
                    guard section.count < limit else { throw .invalid(.tooManyFields) }
                    section.record(known, name: name, value: value)
                    position = next
                case .end(let next):
                    lineStart = next
                    return
                }
            }
        } catch {
            lineStart = position
            throw error
        }
    }
}
