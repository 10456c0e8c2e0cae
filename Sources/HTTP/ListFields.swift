import Bytes

/// Fields that are lists, looked at and added to.
extension FieldSection {
    /// Whether a list field has a member, letters compared without regard to case.
    ///
    /// What follows a `;` or `=` in a member does not count.
    public func list(_ name: FieldName, contains member: StaticString) -> Bool {
        var field = first(name)
        while let index = field {
            let value = value(at: index)
            var list = CommaList()
            while let place = list.next(in: value) {
                let found = value.extracting(place)
                var end = 0
                while end < found.count, found[end] != 0x3B, found[end] != 0x3D { end += 1 }
                if trimmed(found.extracting(first: end)).equalsIgnoringCase(member) { return true }
            }
            field = next(name, from: index + 1)
        }
        return false
    }

    /// The values of all lines of a field, with commas between: one value, as structured fields
    /// are read.
    ///
    /// - Parameter name: In lower case.
    /// - Returns: nil where there is no such field, or nothing in it.
    /// Source: RFC 9651 §4.2.
    public func combined(named name: StaticString) -> [UInt8]? {
        var value: [UInt8] = []
        for index in indices where isPresent(at: index) {
            guard self.name(at: index).equalsIgnoringCase(name) else { continue }
            if !value.isEmpty { value.append(UInt8(ascii: ",")) }
            value += self.value(at: index).bytes()
        }
        return value.isEmpty ? nil : value
    }

    /// Removes the fields that speak of the very bytes of a content, for one whose bytes change.
    ///
    /// Source: RFC 9530 §2 and §3.
    public mutating func removeDigests() {
        removeAll(named: "content-md5")
        removeAll(named: "digest")
        removeAll(named: "content-digest")
        removeAll(named: "repr-digest")
    }

    /// Adds a name to the Vary field, unless it is there or Vary is `*`.
    ///
    /// - Parameters:
    ///   - name: In lower case.
    ///   - spelling: As it is written.
    /// Source: RFC 9110 §12.5.5.
    public mutating func addToVary(_ name: StaticString, spelling: StaticString) {
        if list(.vary, contains: name) || list(.vary, contains: "*") { return }
        var bytes: [UInt8] = []
        spelling.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
        append(.vary, value: bytes.span)
    }

    /// Removes all fields of a name that is none of the known ones.
    ///
    /// - Parameter name: In lower case.
    public mutating func removeAll(named name: StaticString) {
        for index in indices
        where known(at: index) == .other && isPresent(at: index)
            && self.name(at: index).equalsIgnoringCase(name)
        {
            remove(at: index)
        }
    }
}
