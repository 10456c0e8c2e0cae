import Bytes

/// What a request says of content codings.
///
/// Members that are not well-formed are passed over. Of a name that stands several times the
/// highest weight counts, as the members of a list have no order of importance.
/// Source: RFC 9110 §12.5.3.
public struct AcceptEncoding: Sendable, Equatable {
    /// Whether the request has such a field at all.
    ///
    /// Without one every coding is acceptable, and none is asked for.
    public private(set) var isPresent = false
    /// In thousandths, by the coding's raw value; -1 for one that is not named.
    private var weights = SIMD8<Int16>(repeating: -1)
    private var identityWeight: Int16 = -1
    private var otherWeight: Int16 = -1

    /// What a request without the field says.
    public init() {}

    /// Reads all Accept-Encoding fields of a request.
    public init(_ fields: FieldSection) {
        var field = fields.first(.acceptEncoding)
        while let index = field {
            read(fields.value(at: index))
            field = fields.next(.acceptEncoding, from: index + 1)
        }
    }

    /// Reads one field value.
    public init(_ value: Span<UInt8>) { read(value) }

    private mutating func read(_ value: Span<UInt8>) {
        isPresent = true
        var list = CommaList()
        while let place = list.next(in: value) {
            let member = value.extracting(place)
            let end = member.firstIndex(of: 0x3B) ?? member.count
            let name = trimmed(member.extracting(first: end))
            guard let read = QualityValue.read(inParameters: member.extracting(end...)) else {
                continue
            }
            let weight = Int16(truncatingIfNeeded: read)
            if let coding = ContentCoding.match(name) {
                let index = Int(coding.rawValue)
                weights[index] = max(weights[index], weight)
            } else if name.equalsIgnoringCase("dcz") {
                let index = Int(ContentCoding.dictionaryZstd.rawValue)
                weights[index] = max(weights[index], weight)
            } else if name.equalsIgnoringCase("identity") {
                identityWeight = max(identityWeight, weight)
            } else if name.equals("*") {
                otherWeight = max(otherWeight, weight)
            }
        }
    }

    /// How welcome a coding is, 0 to 1000: 0 is not acceptable.
    ///
    /// Choice: without the field, 0. Any coding would be acceptable then, but whoever sends none
    /// is most often a program that decodes none.
    public func weight(of coding: ContentCoding) -> Int {
        let own = Int(weights[Int(coding.rawValue)])
        if own >= 0 { return own }
        // A client that has the dictionary says so by name (RFC 9842 §6.1).
        if coding == .dictionaryZstd { return 0 }
        return max(0, Int(otherWeight))
    }

    /// Whether content with a coding that is there already may be sent on.
    public func accepts(_ coding: ContentCoding) -> Bool { !isPresent || weight(of: coding) > 0 }

    /// Whether content may be sent without any coding.
    ///
    /// Source: RFC 9110 §12.5.3, rule 2 of the list.
    public var acceptsIdentity: Bool {
        if identityWeight >= 0 { return identityWeight > 0 }
        return otherWeight != 0
    }

    /// The coding that a response gets.
    ///
    /// Choice: a client that ranks `identity` by name above all codings offered gets that; where
    /// it is not named, a coding is preferred, as the client lists it for being used.
    /// - Parameter offers: In the server's order of preference, by which equal weights are decided.
    /// - Returns: nil for none: better so for the client, or nothing offered is acceptable.
    public func preferred(of offers: [ContentCoding]) -> ContentCoding? {
        guard isPresent else { return nil }
        var best: ContentCoding?
        var bestWeight = 0
        for offer in offers {
            let weight = weight(of: offer)
            if weight > bestWeight {
                best = offer
                bestWeight = weight
            }
        }
        return bestWeight > 0 && Int(identityWeight) > bestWeight ? nil : best
    }
}
