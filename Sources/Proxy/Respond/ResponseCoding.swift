import Bytes
import Compression
import Configuration
import EventLoop
import HTTP
import Telemetry

/// What an exchange of a route with `compress` remembers of the request, before rules on fields
/// and mapping change it.
final class ResponseCoding {
    var accept = AcceptEncoding()
    /// What the client's If-None-Match said that this gateway had done to the content.
    var mark: CodedEntityTag.Marked?
    /// The request has a cookie or credentials, so the response may be somebody's own.
    var belongsToSomebody = false
    /// The dictionary that the client has; none where the route has nothing to do with them.
    var available = AvailableDictionary.none
    /// Whether the size of a response may depend on it.
    var readability = DictionaryReadability.always
    /// Bytes of content that went out, or nil when they are those that came.
    var contentBytesSent: Int?

    /// Forgets the exchange before.
    func forget() {
        accept = AcceptEncoding()
        mark = nil
        belongsToSomebody = false
        available = .none
        readability = .always
        contentBytesSent = nil
    }
}

/// How the content of a response goes out.
enum ContentPlan {
    /// As it came.
    case unchanged
    /// Not at all, to a HEAD request, and the fields say what they would with it.
    case fieldsOnly
    /// Through codecs.
    case coded(ContentCoder)
}

extension Exchange {
    /// Takes note of what the request says of codings, and lets its conditions name the tags that
    /// the application made.
    ///
    /// Before anything else changes the request's fields.
    mutating func prepareCoding() {
        let coding = self.coding ?? ResponseCoding()
        self.coding = coding
        coding.accept = AcceptEncoding(request.fields)
        coding.belongsToSomebody =
            request.fields.contains(.cookie) || request.fields.contains(.authorization)
        if usesDictionaries {
            coding.available = AvailableDictionary(request.fields)
            coding.readability = DictionaryReadability(request.fields)
        }
        if request.fields.contains(.ifNoneMatch) { coding.mark = unmark(.ifNoneMatch) }
        if request.fields.contains(.ifMatch) { _ = unmark(.ifMatch) }
    }

    /// Takes this gateway's marks off the tags in a condition.
    private mutating func unmark(_ name: FieldName) -> CodedEntityTag.Marked? {
        let scratch = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(scratch) }
        var mark: CodedEntityTag.Marked?
        var field = request.fields.first(name)
        while let index = field {
            if !scratch.isEmpty { scratch.append(", ") }
            let found = CodedEntityTag.writeOriginals(
                of: request.fields.value(at: index),
                to: scratch
            )
            mark = found ?? mark
            field = request.fields.next(name, from: index + 1)
        }
        guard mark != nil else { return nil }
        request.fields.removeAll(name)
        let value = scratch.readable
        request.fields.append(name, value: value)
        return mark
    }

    /// Decides how the content of the upstream's response goes out.
    mutating func planContent(_ framing: BodyFraming) -> ContentPlan {
        guard let policy = route?.route.policy.compression, let coding else { return .unchanged }
        if response.status == 304 {
            markValidator(coding)
            return .unchanged
        }
        let length: Int? =
            switch framing {
            case .length(let length): length
            case .none: response.declaredLength
            case .chunked, .untilClose: nil
            }
        let dictionary = usesDictionaries ? dictionary(coding) : nil
        let decision = CodingDecision(
            accept: coding.accept,
            status: response.status,
            fields: response.fields,
            length: length,
            rules: policy.rules,
            hasDictionary: dictionary != nil
        )
        let capture = usesDictionaries ? capture(policy, coding, length: length) : nil
        if decision.varies { addVary() }
        var plan = ContentCoder.Plan(
            level: context.load.level(policy.level) ?? .fast,
            length: length,
            capture: capture
        )
        switch decision.action {
        case .keep(let obstacle):
            if capture == nil { return keep(obstacle) }
            context.metrics.count(.compressionSkipped, reason: obstacle.index)
        case .encode(let target):
            if let obstacle = obstacle(policy, coding) {
                if capture == nil { return keep(obstacle) }
                context.metrics.count(.compressionSkipped, reason: obstacle.index)
            } else {
                plan.target = target
                if target == .dictionaryZstd { plan.dictionary = dictionary }
            }
        case .recode(let source, let target):
            plan.source = source
            plan.length = nil
            plan.target = obstacle(policy, coding) == nil ? target : nil
            if plan.target == .dictionaryZstd { plan.dictionary = dictionary }
        }
        if plan.target != nil { plan.padding = padding(policy) }
        return code(plan, framing)
    }

    /// Says what the answer depends on, whatever it is this time.
    ///
    /// Source: RFC 9110 §12.5.5, RFC 9842 §6.2.
    private mutating func addVary() {
        response.fields.addToVary("accept-encoding", spelling: "Accept-Encoding")
        if usesDictionaries {
            response.fields.addToVary("available-dictionary", spelling: "Available-Dictionary")
        }
    }

    /// Why content that could be compressed is not, apart from what it is.
    private func obstacle(_ policy: CompressionPolicy, _ coding: ResponseCoding)
        -> CodingObstacle?
    {
        if context.load.level(policy.level) == nil { return .busy }
        if policy.breach == .skipCookies,
            coding.belongsToSomebody || response.fields.contains(.setCookie)
        {
            return .breach
        }
        return nil
    }

    private func keep(_ obstacle: CodingObstacle) -> ContentPlan {
        context.metrics.count(.compressionSkipped, reason: obstacle.index)
        return .unchanged
    }

    private mutating func code(_ plan: ContentCoder.Plan, _ framing: BodyFraming) -> ContentPlan {
        if request.method == .head || framing == .none {
            if plan.source == nil && plan.target == nil { return .unchanged }
            applyCoding(plan)
            return .fieldsOnly
        }
        if plan.dictionary != nil { count(.used) }
        guard let coder = ContentCoder(context: context, plan) else { return keep(.memory) }
        return .coded(coder)
    }

    /// Makes the fields say what is done to the content.
    ///
    /// Source: RFC 9110 §8.8.3.3, RFC 9530 §2 and §3.
    mutating func applyCoding(_ plan: ContentCoder.Plan) {
        if plan.source == nil && plan.target == nil { return }
        response.fields.removeAll(.contentEncoding)
        if let target = plan.target {
            let name = context.reactor.buffers.take()
            name.append(target.name)
            let value = name.readable
            response.fields.append(.contentEncoding, value: value)
            context.reactor.buffers.give(name)
        }
        markTag(plan.mark)
        // What was said of bytes is not true of these, and parts of them cannot be asked for.
        response.fields.removeAll(.acceptRanges)
        response.fields.removeDigests()
    }

    /// Gives a 304 the tag of what the client holds.
    private mutating func markValidator(_ coding: ResponseCoding) {
        guard let mark = coding.mark else { return }
        markTag(mark)
        addVary()
    }

    private mutating func markTag(_ mark: CodedEntityTag.Marked) {
        guard let index = response.fields.first(.etag) else { return }
        let scratch = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(scratch) }
        guard CodedEntityTag.write(response.fields.value(at: index), mark, to: scratch) else {
            return
        }
        response.fields.removeAll(.etag)
        let value = scratch.readable
        response.fields.append(.etag, value: value)
    }
}
