/// What may stand in a file at all: UTF-8 without control characters but tab and line ends.
///
/// Reports at most a few faults, because a file that has one is probably of another kind.
/// - Returns: Whether the file can be read.
func checkText(_ file: Int, _ report: Report) -> Bool {
    let maximumFaults = 5
    let bytes = report.files[file].bytes
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
        report.error(
            Mark(file: file, offset: 0, length: 1),
            "the file is UTF-16",
            hint: "save it as UTF-8"
        )
        return false
    }
    var faults = 0
    var index = 0
    while index < bytes.count, faults < maximumFaults {
        let byte = bytes[index]
        var fault: String?
        var width = 1
        if byte >= 0x80 {
            if let length = wellFormedLength(bytes, index) {
                width = length
            } else {
                fault = "a byte that is not UTF-8: 0x\(String(byte, radix: 16))"
            }
        } else if byte == 0x0D {
            if index + 1 >= bytes.count || bytes[index + 1] != 0x0A {
                fault = "a carriage return without a line feed"
            }
        } else if byte < 0x20 && byte != 0x09 && byte != 0x0A || byte == 0x7F {
            fault = byte == 0 ? "a NUL byte" : "a control character: 0x\(String(byte, radix: 16))"
        }
        if let fault {
            faults += 1
            report.error(Mark(file: file, offset: index, length: 1), fault)
        }
        index += width
    }
    return faults == 0
}

/// How many bytes the character at an index has; nil when it is not well-formed.
///
/// Source: The Unicode Standard, table 3-7.
private func wellFormedLength(_ bytes: [UInt8], _ index: Int) -> Int? {
    let second: ClosedRange<UInt8>
    let length: Int
    switch bytes[index] {
    case 0xC2...0xDF: (second, length) = (0x80...0xBF, 2)
    case 0xE0: (second, length) = (0xA0...0xBF, 3)
    case 0xED: (second, length) = (0x80...0x9F, 3)
    case 0xE1...0xEF: (second, length) = (0x80...0xBF, 3)
    case 0xF0: (second, length) = (0x90...0xBF, 4)
    case 0xF1...0xF3: (second, length) = (0x80...0xBF, 4)
    case 0xF4: (second, length) = (0x80...0x8F, 4)
    default: return nil
    }
    guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return nil }
    for further in (index + 2)..<max(index + 2, index + length) {
        guard bytes[further] & 0xC0 == 0x80 else { return nil }
    }
    return length
}
