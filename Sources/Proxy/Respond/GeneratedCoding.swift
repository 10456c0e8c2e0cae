import Bytes
import Compression
import Configuration
import EventLoop
import HTTP
import Telemetry

/// A content that the gateway made itself, as it goes out.
struct GeneratedContent {
    /// Compressed, in one of the loop's buffers; nil to send it as it is.
    var content: Buffer?
    var coding: ContentCoding?
    /// Whether it depends on Accept-Encoding.
    var varies = false
}

extension Exchange {
    /// Compresses a content that the gateway made itself, where a response of the upstream would
    /// be.
    mutating func codeGenerated(status: Int, contentType: [UInt8], body: [UInt8])
        -> GeneratedContent
    {
        var result = GeneratedContent()
        guard let policy = route?.route.policy.compression, let coding, !contentType.isEmpty,
            body.count >= max(1, policy.rules.minimumLength),
            // In one go, so no more than may be: it is done again for each request.
            body.count <= CompressionLimits.wholeBytes
        else { return result }
        var fields = FieldSection()
        fields.append(.contentType, value: contentType.span)
        let decision = CodingDecision(
            accept: coding.accept,
            status: status,
            fields: fields,
            length: body.count,
            rules: policy.rules
        )
        result.varies = decision.varies
        guard case .encode(let target) = decision.action else { return result }
        guard let level = context.load.level(policy.level),
            policy.breach != .skipCookies || !coding.belongsToSomebody
        else { return result }
        let source = context.reactor.buffers.take()
        defer { context.reactor.buffers.give(source) }
        source.append(body)
        let content = context.reactor.buffers.take()
        let padding = padding(policy)
        guard context.encodeWhole(source, to: content, target, level, padding: padding) else {
            context.reactor.buffers.give(content)
            return result
        }
        result.content = content
        result.coding = target
        return result
    }

    /// Bytes of padding for the next content, 0 where none is wanted.
    func padding(_ policy: CompressionPolicy) -> Int {
        guard policy.breach == .pad else { return 0 }
        let random = context.reactor.random.next()
        return 1 + Int(truncatingIfNeeded: random & 0xFF)
    }
}
