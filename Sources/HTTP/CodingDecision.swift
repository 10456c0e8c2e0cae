/// What the configuration says of compressing responses, as the rules need it.
public struct CodingRules: Sendable, Equatable {
    /// In the order of preference.
    public var codings: [ContentCoding]
    /// Bytes below which content stays as it is.
    public var minimumLength: Int
    /// Which content is worth it.
    public var types: MediaTypeSet

    /// Puts rules together.
    public init(codings: [ContentCoding], minimumLength: Int, types: MediaTypeSet) {
        self.codings = codings
        self.minimumLength = minimumLength
        self.types = types
    }
}

/// Why content goes out as it came; the raw value is the metric's label.
public enum CodingObstacle: String, Sendable, CaseIterable {
    /// The client takes no coding that is offered, or would rather have none.
    case notAccepted = "not_accepted"
    /// It has a content coding already.
    case alreadyCoded = "already_coded"
    /// Cache-Control forbids it.
    case noTransform = "no_transform"
    /// The status has no content, or part of one.
    case status
    /// There is less of it than the minimum.
    case tooSmall = "too_small"
    /// Its type is not on the list.
    case type
    /// The loop is too busy.
    case busy
    /// The codecs' memory is used up.
    case memory
    /// Compressing it could reveal a secret in it.
    case breach
    /// The library failed.
    case failed

    /// Where it stands among the reasons of the metric.
    public var index: Int { CodingObstacle.allCases.firstIndex(of: self) ?? 0 }
}

/// What becomes of a response's content coding.
public struct CodingDecision: Sendable, Equatable {
    /// What is done to the content.
    public enum Action: Sendable, Equatable {
        /// It goes out as it came.
        case keep(CodingObstacle)
        /// It is compressed.
        case encode(ContentCoding)
        /// A coding that the client does not take comes off; another one may go on.
        case recode(from: ContentCoding, to: ContentCoding?)
    }
    /// What is done to the content.
    public var action: Action
    /// Whether the answer depends on Accept-Encoding, whatever it is this time.
    public var varies: Bool

    /// Decides by what a request asks for and what a response says of itself.
    ///
    /// Neither the state of the loop nor secrets in the content are looked at here.
    /// - Parameters:
    ///   - accept: What the client takes.
    ///   - status: The response's.
    ///   - fields: The response's.
    ///   - length: Bytes of content as the response has it, or nil if that is not known.
    ///   - rules: What the configuration says.
    ///   - hasDictionary: The client has a dictionary that is at hand and may be used: then `dcz`
    ///     comes before all others.
    /// Source: RFC 9110 §12.5.3, RFC 9111 §5.2.2.6.
    public init(
        accept: AcceptEncoding,
        status: Int,
        fields: FieldSection,
        length: Int?,
        rules: CodingRules,
        hasDictionary: Bool = false
    ) {
        let offers = hasDictionary ? [.dictionaryZstd] + rules.codings : rules.codings
        if let obstacle = Self.obstacle(status, fields) {
            self.init(action: .keep(obstacle), varies: false)
            return
        }
        let isListed =
            fields.first(.contentType).map { rules.types.contains(fields.value(at: $0)) } ?? false
        switch AppliedCoding(fields) {
        case .other: self.init(action: .keep(.alreadyCoded), varies: false)
        case .known(let coding):
            if accept.accepts(coding) {
                self.init(action: .keep(.alreadyCoded), varies: true)
            } else {
                let next = isListed ? accept.preferred(of: offers) : nil
                self.init(action: .recode(from: coding, to: next), varies: true)
            }
        case .none:
            // A client that refuses content without a coding gets one wherever that can be.
            let mustCode = accept.isPresent && !accept.acceptsIdentity && length != 0
            if !mustCode {
                if !isListed {
                    self.init(action: .keep(.type), varies: false)
                    return
                }
                if let length, length == 0 || length < rules.minimumLength {
                    self.init(action: .keep(.tooSmall), varies: false)
                    return
                }
            }
            guard let coding = accept.preferred(of: offers) else {
                self.init(action: .keep(.notAccepted), varies: isListed)
                return
            }
            self.init(action: .encode(coding), varies: true)
        }
    }

    /// Puts a decision together.
    public init(action: Action, varies: Bool) {
        self.action = action
        self.varies = varies
    }

    private static func obstacle(_ status: Int, _ fields: FieldSection) -> CodingObstacle? {
        // 205 has no content, 206 a part of it, whose positions count in the coding it has.
        if Status.forbidsContent(status) || status == 205 || status == 206
            || fields.contains(.contentRange)
        {
            return .status
        }
        return fields.list(.cacheControl, contains: "no-transform") ? .noTransform : nil
    }
}
